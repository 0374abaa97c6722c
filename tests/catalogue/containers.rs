//! Files that one reader or another refuses, made by openssl; and one of each that nobody minds.

use std::fs;

use ocscert::checks::containers::judge;
use ocscert::findings::Finding;
use ocscert::model::container::Limits;
use ocscert::model::read;

use super::common::ber::ber;
use super::{Case, Pki, Plan};

/// As Windows Server 2003 and all others take it, with all that they want.
const FINE: &str =
    "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -keyex -LMK -CSP SChannel -certfile root.pem";

pub const CASES: &[Case] = &[
    Case {
        code: "OCS-CON-001",
        says: "one block of two is not base64",
        fires: |p| {
            text(p, |t| format!("{t}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").into())
        },
        quiet: |p| text(p, |t| t.into()),
    },
    Case {
        code: "OCS-CON-002",
        says: "AES, as openssl 3 writes it by itself",
        fires: |p| pfx(p, "-keyex", "secret"),
        quiet: fine,
    },
    Case {
        code: "OCS-CON-003",
        says: "Camellia",
        fires: |p| pfx(p, "-keypbe CAMELLIA-256-CBC -certpbe CAMELLIA-256-CBC", "secret"),
        quiet: |p| pfx(p, "-keyex", "secret"),
    },
    Case {
        code: "OCS-CON-004",
        says: "AES-192",
        fires: |p| pfx(p, "-keypbe AES-192-CBC -certpbe AES-192-CBC", "secret"),
        quiet: |p| pfx(p, "-keyex", "secret"),
    },
    Case {
        code: "OCS-CON-005",
        says: "RC2 of 40 bits, as Windows closed certificates",
        fires: |p| pfx(p, "-legacy -certpbe PBE-SHA1-RC2-40", "secret"),
        quiet: fine,
    },
    Case {
        code: "OCS-CON-006",
        says: "a password with an umlaut",
        fires: |p| pfx(p, FINE, "pässwort"),
        quiet: fine,
    },
    Case { code: "OCS-CON-007", says: "no MAC", fires: |p| pfx(p, "-nomac", "secret"), quiet: fine },
    Case {
        code: "OCS-CON-008",
        says: "a key for signing only",
        fires: |p| pfx(p, "-keysig", "secret"),
        quiet: fine,
    },
    Case {
        code: "OCS-CON-009",
        says: "the provider is one of CNG",
        fires: |p| pfx(p, "-CSP Microsoft_Software_Key_Storage_Provider", "secret"),
        quiet: fine,
    },
    Case {
        code: "OCS-CON-010",
        says: "no machine key set",
        fires: |p| pfx(p, "-keyex", "secret"),
        quiet: fine,
    },
    Case {
        code: "OCS-CON-011",
        says: "the issuer's certificate is not in it",
        fires: |p| pfx(p, "-keyex -LMK", "secret"),
        quiet: fine,
    },
    Case { code: "OCS-CON-012", says: "a key alone", fires: |p| pfx(p, "-nocerts", "secret"), quiet: fine },
    Case {
        code: "OCS-CON-013",
        says: "a PFX, where a node takes certificates",
        fires: fine,
        quiet: |p| text(p, |t| t.into()),
    },
    Case {
        code: "OCS-CON-014",
        says: "PKCS#7 with indefinite lengths",
        fires: |p| judged("ca.p7b", &ber(&pkcs7(p), 0), ""),
        quiet: |p| judged("ca.p7b", &pkcs7(p), ""),
    },
    Case {
        code: "OCS-CON-015",
        says: "300,001 iterations",
        fires: |p| pfx(p, "-iter 300001", "secret"),
        quiet: fine,
    },
    Case {
        code: "OCS-CON-016",
        says: "a single iteration",
        fires: |p| pfx(p, "-iter 1", "secret"),
        quiet: fine,
    },
    Case {
        code: "OCS-CON-017",
        says: "as Windows PowerShell's > writes it",
        fires: |p| {
            text(p, |t| {
                [b"\xff\xfe".to_vec(), t.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
            })
        },
        quiet: |p| text(p, |t| t.into()),
    },
    Case {
        code: "OCS-CON-018",
        says: "as old Notepad saves UTF-8",
        fires: |p| text(p, |t| format!("\u{feff}{t}").into()),
        quiet: |p| text(p, |t| t.into()),
    },
    Case {
        code: "OCS-CON-019",
        says: "CR alone ends the lines",
        fires: |p| text(p, |t| t.replace('\n', "\r").into()),
        quiet: |p| text(p, |t| t.replace('\n', "\r\n").into()),
    },
    Case {
        code: "OCS-CON-020",
        says: "a blank line after each",
        fires: |p| text(p, |t| t.replace('\n', "\n\n").into()),
        quiet: |p| text(p, |t| format!("\n\n{t}\n\n").replace('\n', "\r\n").into()),
    },
    Case {
        code: "OCS-CON-021",
        says: "the lines between BEGIN and END",
        fires: |p| text(p, |t| t.lines().filter(|line| !line.starts_with('-')).collect::<String>().into()),
        quiet: |p| text(p, |t| t.into()),
    },
    Case {
        code: "OCS-CON-022",
        says: "openssl's own label",
        fires: |p| {
            p.run(&[
                "x509",
                "-in",
                "root.pem",
                "-trustout",
                "-addtrust",
                "serverAuth",
                "-out",
                "trusted.pem",
            ]);
            judged("trusted.pem", &fs::read(p.path("trusted.pem")).unwrap(), "")
        },
        quiet: |p| text(p, |t| t.into()),
    },
    Case {
        code: "OCS-CON-023",
        says: "a chain from Microsoft's pages",
        fires: |p| judged("ca.p7b", ocscert::model::container::pem("CERTIFICATE", &pkcs7(p)).as_bytes(), ""),
        quiet: |p| judged("ca.p7b", ocscert::model::container::pem("PKCS7", &pkcs7(p)).as_bytes(), ""),
    },
];

fn fine(p: &Pki) -> Vec<Finding> {
    pfx(p, FINE, "secret")
}

/// A PFX of a leaf below the root; underscores in the options stand for blanks.
fn pfx(p: &Pki, options: &str, password: &str) -> Vec<Finding> {
    p.issue(&Plan { issuer: "root", ..Plan::leaf("pfx") });
    let options: Vec<String> = options.split(' ').map(|word| word.replace('_', " ")).collect();
    let pass = format!("pass:{password}");
    let mut arguments = vec!["pkcs12", "-export", "-inkey", "pfx.key", "-passout", &pass, "-out", "pfx.pfx"];
    if !options.iter().any(|option| option == "-nocerts") {
        arguments.extend(["-in", "pfx.pem"]);
    }
    arguments.extend(options.iter().map(String::as_str));
    p.run(&arguments);
    judged("pfx.pfx", &fs::read(p.path("pfx.pfx")).unwrap(), password)
}

/// The root's certificate, written otherwise.
fn text(p: &Pki, change: impl FnOnce(String) -> Vec<u8>) -> Vec<Finding> {
    judged("root.pem", &change(fs::read_to_string(p.path("root.pem")).unwrap()), "")
}

fn pkcs7(p: &Pki) -> Vec<u8> {
    p.run(&["crl2pkcs7", "-nocrl", "-certfile", "root.pem", "-outform", "DER", "-out", "ca.p7b"]);
    fs::read(p.path("ca.p7b")).unwrap()
}

fn judged(file: &str, bytes: &[u8], password: &str) -> Vec<Finding> {
    let mut contents = read(bytes);
    contents.open_pfx(password, Limits::default()).unwrap();
    assert!(!contents.items.is_empty(), "{file}: {:?}", contents.problems);
    judge(file, &contents).findings
}
