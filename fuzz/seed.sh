#!/usr/bin/env bash
# Makes the first inputs of every fuzz target, with openssl and from testdata, in the folder named:
#   fuzz/seed.sh /tmp/seeds && fuzz/run merge /tmp/seeds
set -euo pipefail
OUT=$(realpath -m "${1:?usage: fuzz/seed.sh FOLDER}")
REPO=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$OUT"/{read,certificate,crl,request,name,path,certsrv,ntlm,spnego,journal,tls,sip,federation,pkcs7,pfx,encrypted_key}
cd "$WORK"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
# NAME SUBJECT ISSUER, the extensions on stdin: makes NAME.der, signed by ISSUER (itself for a root).
issue() {
  [[ -f $1.key ]] || key "$1"
  cat >"$1.ext"
  openssl req -new -utf8 -key "$1.key" -subj "$2" -out "$1.csr"
  local by=(-CA "$3.pem" -CAkey "$3.key" -CAcreateserial)
  [[ $1 == "$3" ]] && by=(-signkey "$1.key")
  openssl x509 -req -in "$1.csr" "${by[@]}" -days 9000 -extfile "$1.ext" -out "$1.pem" 2>err || { cat err >&2; return 1; }
  openssl x509 -in "$1.pem" -outform DER -out "$1.der"
}

issue root "/C=JP/O=フー/CN=Root" root <<'E'
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
E
issue ca "/DC=com/DC=foo/CN=Issuing CA" root <<'E'
basicConstraints=critical,CA:TRUE,pathlen:1
keyUsage=critical,keyCertSign,cRLSign
authorityKeyIdentifier=keyid,issuer
subjectKeyIdentifier=hash
nameConstraints=critical,permitted;DNS:foo.com,permitted;dirName:dn,excluded;IP:10.0.0.0/255.0.0.0,permitted;email:foo.com,excluded;URI:.bar.com
certificatePolicies=1.2.3.4,1.2.3.5
policyConstraints=requireExplicitPolicy:1,inhibitPolicyMapping:2
policyMappings=1.2.3.4:1.2.3.6,1.2.3.5:1.2.3.6
inhibitAnyPolicy=3
extendedKeyUsage=serverAuth,clientAuth
crlDistributionPoints=cdp
authorityInfoAccess=caIssuers;URI:http://ca.foo.com/ca.crt,OCSP;URI:http://ca.foo.com/ocsp
[dn]
DC=com
[cdp]
fullname=URI:http://ca.foo.com/ca.crl
reasons=keyCompromise,CACompromise
CRLissuer=dirName:dn
E
issue leaf "/O=foo/OU=a/OU=b/CN=pool.foo.com" ca <<'E'
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:pool.foo.com,DNS:*.foo.com,IP:192.0.2.1,IP:2001:db8::1,email:a@foo.com,URI:sip:foo.com,RID:1.2.3,otherName:1.2.3;UTF8:x
certificatePolicies=1.2.3.6,@policy
1.3.6.1.4.1.311.20.2=DER:1e06006f00630073
1.3.6.1.4.1.311.21.7=DER:301106092b0601040182371508020164020105
1.3.6.1.4.1.311.21.10=DER:300c300a06082b06010505070301
freshestCRL=URI:http://ca.foo.com/delta.crl
[policy]
policyIdentifier=1.2.3.7
CPS.1=http://foo.com/
userNotice.1=@notice
[notice]
explicitText=hello
E
issue plain "/CN=fe1.foo.com" ca <<'E'
subjectAltName=DNS:fe1.foo.com
E
# Rollover: the same name, another key, signed by the old one; and a cross certificate of the root.
issue ca2 "/DC=com/DC=foo/CN=Issuing CA" ca <<'E'
basicConstraints=critical,CA:TRUE
certificatePolicies=2.5.29.32.0
policyMappings=1.2.3.6:1.2.3.7
E
issue other "/C=JP/O=フー/CN=Root" ca2 <<'E'
basicConstraints=critical,CA:TRUE
nameConstraints=permitted;DNS:com,excluded;DNS:x.foo.com,excluded;dirName:dn
[dn]
O=foo
E
openssl x509 -req -in plain.csr -CA ca.pem -CAkey ca.key -days 9000 -outform DER -out v1.der 2>/dev/null

# One CRL of each kind.
cat >ca.conf <<'E'
[ca]
database=index
crlnumber=number
default_md=sha256
default_crl_days=9000
[full]
authorityKeyIdentifier=keyid
[scoped]
issuingDistributionPoint=critical,@scope
[scope]
fullname=URI:http://ca.foo.com/ca.crl
onlyuser=TRUE
onlysomereasons=keyCompromise
[indirect]
issuingDistributionPoint=critical,@both
[both]
fullname=URI:http://ca.foo.com/ca.crl
indirectCRL=TRUE
[delta]
deltaCRL=critical,DER:020101
freshestCRL=URI:http://ca.foo.com/delta.crl
2.5.29.27=critical,DER:020101
E
sed -i '/^deltaCRL=/d' ca.conf
touch index index.attr && echo 01 >number
crl() { openssl ca -config ca.conf -name ca -gencrl -crlexts "$1" -cert ca.pem -keyfile ca.key -out crl.pem 2>/dev/null; openssl crl -in crl.pem -outform DER -out "$1.crl"; }
crl full
for reason in keyCompromise superseded; do
  serial=$(openssl x509 -in "$([[ $reason == superseded ]] && echo plain || echo leaf).pem" -noout -serial | cut -d= -f2)
  printf 'R\t490101000000Z\t251124000000Z,%s\t%s\tunknown\t/CN=x\n' "$reason" "$serial" >>index
done
crl scoped && crl indirect && crl delta
cp ./*.crl "$OUT/crl/"
cp ./*.der "$OUT/certificate/"

# Requests: plain, with extensions and a challenge, with Microsoft's attributes, with a wrong signature.
openssl req -in leaf.csr -outform DER -out "$OUT/request/plain"
cat >req.conf <<'E'
[req]
distinguished_name=dn
attributes=attributes
req_extensions=extensions
prompt=no
utf8=yes
[dn]
O=フー
0.OU=a
1.OU=b
CN=pool.foo.com
[attributes]
challengePassword=secret
1.3.6.1.4.1.311.13.2.3=6.1.7601.2
[extensions]
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:pool.foo.com,IP:192.0.2.1
subjectKeyIdentifier=hash
1.3.6.1.4.1.311.20.2=DER:1e06006f00630073
E
openssl req -new -config req.conf -key leaf.key -outform DER -out "$OUT/request/full"
openssl genrsa -out rsa.key 1024 2>/dev/null
openssl req -new -config req.conf -key rsa.key -outform DER -out "$OUT/request/rsa"

# Names, in pairs: the first byte is the length of the first.
name() { openssl asn1parse -genconf <(printf 'asn1=SEQUENCE:n\n[n]\n'; cat) -noout -out name.bin; cat name.bin; }
rdn() { printf 'a%d=SET:s%d\n' "$1" "$1"; }
pair() { # FILE TAG VALUE TAG VALUE
  local at=0 part parts=()
  for part in "$2:$3" "$4:$5"; do
    at=$((at + 1))
    { rdn 1; printf '[s1]\nx=SEQUENCE:t\n[t]\noid=OID:2.5.4.10\nv=%s\n' "$part"; } | name >"part$at"
    parts+=("part$at")
  done
  { printf "\\x$(printf %02x "$(stat -c %s part1)")"; cat "${parts[@]}"; } >"$OUT/name/$1"
}
pair case PRINTABLESTRING "Foo  Bar" FORMAT:UTF8,UTF8String " foo bar "
pair bmp FORMAT:UTF8,BMPSTRING フー FORMAT:UTF8,UTF8String フー
pair t61 T61STRING foo IA5STRING foo
pair wide FORMAT:UTF8,UNIVERSALSTRING ßx FORMAT:UTF8,UTF8String SSx
for pem in root ca leaf; do
  openssl x509 -in $pem.pem -noout -subject -nameopt RFC2253,utf8 >/dev/null
  at=$(openssl asn1parse -in $pem.pem | awk '/d=2 .*SEQUENCE/ { n++; if (n == 4) { sub(":.*", ""); print $1 } }')
  openssl asn1parse -in $pem.pem -strparse "$at" -noout -out part2
  { printf '\x00'; cat part2; } >"$OUT/name/$pem"
done

# Pools: the byte of flags, then leaf, what is between, anchor; with CRLs.
pool() { local flags=$1 file=$2; shift 2; { printf "\\x$flags"; cat "$@"; } >"$OUT/path/$file"; }
pool 00 plain plain.der ca.der root.der
pool 01 resigned leaf.der ca.der root.der
pool 45 explicit leaf.der ca.der root.der
pool 3d inhibited leaf.der ca.der root.der
pool 01 rollover leaf.der ca2.der ca.der other.der root.der
pool 25 cross leaf.der other.der ca2.der ca.der root.der
for kind in full scoped indirect delta; do pool 81 "$kind" plain.der ca.der "$kind.crl" full.crl root.der; done
pool 83 legacy v1.der ca.der root.der

# Files, in the shapes that they come in.
for file in leaf.der full.crl; do cp $file "$OUT/read/"; done
cp "$OUT/request/full" "$OUT/read/request"
cat leaf.pem ca.pem >"$OUT/read/chain.pem"
sed 's/$/\r/' leaf.pem >"$OUT/read/crlf.pem"
{ printf 'subject=x\nBag Attributes\n  friendlyName: x\n'; cat leaf.pem; printf '%s' '-----BEGIN CERTIFICATE-----'; } >"$OUT/read/bag.pem"
{ printf '\xff\xfe'; iconv -t UTF-16LE plain.pem; } >"$OUT/read/utf16.pem"
grep -v -- ----- plain.pem >"$OUT/read/bare.b64"
openssl crl2pkcs7 -in crl.pem -certfile leaf.pem -certfile ca.pem -outform DER -out "$OUT/read/p7b"
openssl crl2pkcs7 -nocrl -certfile plain.pem | sed 's/PKCS7/CERTIFICATE/' >"$OUT/read/p7b.pem"
openssl pkcs12 -export -in plain.pem -inkey plain.key -passout pass:x -out "$OUT/read/pfx"
openssl pkcs8 -topk8 -in plain.key -passout pass:x -out "$OUT/read/encrypted.key"
openssl ec -in plain.key -out "$OUT/read/sec1.key" 2>/dev/null
openssl ec -in plain.key -aes128 -passout pass:x -out "$OUT/read/traditional.key" 2>/dev/null
openssl rsa -in rsa.key -traditional -out "$OUT/read/pkcs1.key" 2>/dev/null
openssl pkey -in plain.key -pubout -out "$OUT/read/public.pem"
cp "$OUT/name/bmp" "$OUT/read/unknown"

# Pages: the byte of the content type, then the page.
for page in "$REPO"/testdata/certsrv/*.html; do
  case $page in *-zh.html) kind=2 ;; *) kind=1 ;; esac
  { printf "\\x0$kind"; cat "$page"; } >"$OUT/certsrv/$(basename "$page" .html)"
done
{ printf '\x04'; cat plain.der; } >"$OUT/certsrv/certificate"
{ printf '\x00'; openssl crl2pkcs7 -nocrl -certfile plain.pem; } >"$OUT/certsrv/p7b"
{ printf '\x03'; iconv -t UTF-16LE "$REPO/testdata/certsrv/pending-en.html"; } >"$OUT/certsrv/utf16"

# Challenges: the byte of the binding, then one as published, one as Windows sends it (with its time), one without
# attributes, and one that names a binding and a target of its own.
python3 - "$OUT/ntlm" <<'E'
import struct, sys
def challenge(flags, pairs):
    name = "Server".encode("utf-16-le")
    listed = b"".join(struct.pack("<HH", k, len(v)) + v for k, v in pairs) + bytes(4)
    at = 56 + len(name)
    return b"NTLMSSP\0" + struct.pack("<IHHIIQQHHI", 2, 12, 12, 56, flags, 0xefcdab8967452301, 0, len(listed), \
        len(listed), at) + bytes.fromhex("060070170000000f") + name + listed
names = [(2, "Domain".encode("utf-16-le")), (1, "Server".encode("utf-16-le"))]
for name, flags, pairs in [
    ("published", 0xe28a8233, names),
    ("windows", 0xe28a8235, names + [(4, b"f\0o\0"), (3, b"c\0a\0"), (7, bytes(range(8)))]),
    ("bare", 0x62088235, []),
    ("hostile", 0xe28a8235, [(6, b"\1\0\0\0"), (10, bytes(16)), (9, b"x\0"), (7, bytes(8)), (6, bytes(4)), (0xffff, b"")]),
]:
    open(f"{sys.argv[1]}/{name}", "wb").write(b"\1" + challenge(flags, pairs))
E

# Ends of a logon.
end() { # FILE, then its parts
  local at=0 part
  { for part in "${@:2}"; do at=$((at + 1)) && echo "p$at=EXP:$part"; done; } >parts
  openssl asn1parse -genconf <(printf 'asn1=EXP:1,SEQUENCE:n\n[n]\n'; cat parts) -noout -out "$OUT/spnego/$1"
}
end whole 0,ENUM:0 1,OID:1.2.840.113554.1.2.2 2,OCT:answer 3,OCT:mic
end windows 0,ENUM:0 1,OID:1.2.840.48018.1.2.2 2,OCT:answer
end bare 2,OCT:answer
end more 0,ENUM:1 1,OID:1.3.6.1.4.1.311.2.2.10 2,OCT:NTLMSSP
end rejected 0,ENUM:2
end mic 0,ENUM:3 1,OID:1.2.840.113554.1.2.2 2,OCT:answer

# Journals: one of each state (docs/journal.md).
state() {
  printf '{"schema":"ocscert.request/1","requests":[{"csr_sha256":"%064d","ca_url":"https://ca.foo.com/certsrv/","template":%s,"key_sha256":"%064d","highest_id_before":41,"submitted_at":"2026-11-23T02:14:05Z","updated_at":"2026-11-23T02:14:06.5+09:00","state":"%s"%s}]}' 1 "$3" 2 "$1" "$2" >"$OUT/journal/$1"
}
state submitting "" null
state unknown "" '"OCSMutualTLS"'
state pending ',"request_id":42' null
state issued ',"request_id":42' null
state denied ',"request_id":null,"message":"no","hresult":"0x80094014"' null
state fetched ',"request_id":42,"certificate_sha256":"00"' '"WebServer"'
# What servers say to a hello: the byte of the cut, then the flight.
python3 - "$OUT/tls" <<'E'
import ssl, sys
def flight(version, ask):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = server.maximum_version = version
    server.set_ciphers("ALL:@SECLEVEL=0")
    server.load_cert_chain("plain.pem", "plain.key")
    if ask:
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations("root.pem")
    client = ssl.create_default_context()
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.set_ciphers("ALL:@SECLEVEL=0")
    ends = [ssl.MemoryBIO() for _ in range(4)]
    one = client.wrap_bio(ends[0], ends[1], server_hostname="pool.foo.com")
    other = server.wrap_bio(ends[2], ends[3], server_side=True)
    try:
        one.do_handshake()
    except ssl.SSLWantReadError:
        pass
    ends[2].write(ends[1].read())
    try:
        other.do_handshake()
    except ssl.SSLError:
        pass
    return ends[3].read()
for version in ("TLSv1", "TLSv1_2", "TLSv1_3"):
    for ask in (False, True):
        open(f"{sys.argv[1]}/{version}-{ask}", "wb").write(b"\x0a" + flight(ssl.TLSVersion[version], ask))
E
printf '\x05\x15\x03\x01\x00\x02\x02\x28' >"$OUT/tls/alert"

# Answers to OPTIONS: the byte of the cut, then the stream.
answer() { printf '\x14SIP/2.0 %s\r\nv: SIP/2.0/TLS 10.0.0.1;branch=z9hG4bK1\r\nCall-ID: 1@x\r\nCSeq: 1 OPTIONS\r\n%b\r\n' "$1" "$2"; }
answer "200 OK" 'l: 4\r\n\r\nbody' >"$OUT/sip/ok"
answer "403 Forbidden" 'ms-diagnostics: 1034;reason="Previous hop";source="x"\r\n folded\r\nContent-Length: 0\r\n' >"$OUT/sip/forbidden"
{ answer "100 Trying" ''; answer "504 Server time-out" 'Reason: Q.850;cause=38\r\n'; } >"$OUT/sip/two"

# PKCS#7 in DER, and in BER as streaming signers write it.
openssl crl2pkcs7 -nocrl -certfile leaf.pem -certfile ca.pem -outform DER -out "$OUT/pkcs7/certificates"
openssl smime -sign -stream -indef -nodetach -in root.ext -signer leaf.pem -inkey leaf.key -certfile ca.pem -outform DER -out "$OUT/pkcs7/ber"

# PFX files and keys: the byte of the password ("secret"), then the file; without a MAC mutations get inside.
pfx() { { printf '\0' && openssl pkcs12 -export -inkey leaf.key -in leaf.pem -name foo -passout pass:secret -iter 1 "${@:2}"; } >"$OUT/pfx/$1"; }
pfx modern
pfx open -nomac -keypbe NONE -certpbe NONE
pfx open-mac -keypbe NONE -certpbe NONE
pfx nomac -nomac
pfx old -legacy -certfile ca.pem -CSP "Microsoft RSA SChannel Cryptographic Provider" -keyex
closed() { { printf '\0' && openssl "${@:2}" -passout pass:secret; } >"$OUT/encrypted_key/$1"; }
closed pbes2 pkcs8 -topk8 -in leaf.key -iter 1 -outform DER
closed pbes2-3des pkcs8 -topk8 -in leaf.key -iter 1 -v2 des3
closed scrypt pkcs8 -topk8 -in leaf.key -scrypt -scrypt_N 16 -scrypt_r 1 -scrypt_p 1 -outform DER
closed pbes1 pkcs8 -topk8 -in leaf.key -iter 1 -v1 PBE-SHA1-3DES -outform DER
closed pbes1-md5 pkcs8 -topk8 -in leaf.key -iter 1 -v1 PBE-MD5-DES -provider legacy -provider default
closed proc-type ec -in leaf.key -aes128

cp "$REPO"/templates/federation.toml "$OUT/federation/example"
find "$OUT" -type f -size 0 -print -exec false {} + || { echo "an empty seed" >&2; exit 1; }
