/* Stands in for certutil, certreq, icacls, cacls, reg, sc, net and netstat of Windows, under Wine's cmd.exe: it is copied to each of
 * their names. It writes down how it was called, a line of calls.txt each, the arguments apart by tabs, and does what
 * the scripts of ocscert look at: exit codes, files, lines of output. Certificates and PFX files are read by Wine's
 * crypt32, so that what is not one fails. In the folder STANDIN:
 *
 *   Root, CA, My      the stores: a file a certificate, by its thumbprint; in My it holds the name of the key's file
 *   Keys              the common application data: Microsoft\Crypto\RSA\MachineKeys below it
 *   silent            where it is there, certutil does not name the file of a key, as on some old Windows
 *   denied            where it is there, the CA lets requests pend, and icacls and services fail
 */
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>

static wchar_t home[MAX_PATH];

static wchar_t *in(const wchar_t *a, const wchar_t *b) {
    static wchar_t paths[4][MAX_PATH];
    static int next;
    wchar_t *path = paths[next++ % 4];
    _snwprintf(path, MAX_PATH, b ? L"%ls\\%ls\\%ls" : L"%ls\\%ls", home, a, b);
    return path;
}

static int there(const wchar_t *path) { return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES; }

static void write(const wchar_t *path, const wchar_t *text, DWORD how) {
    char utf8[8192];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, sizeof utf8, 0, 0) - 1;
    HANDLE file = CreateFileW(path, FILE_APPEND_DATA, FILE_SHARE_READ, 0, how, 0, 0);
    DWORD done;
    WriteFile(file, utf8, length, &done, 0);
    CloseHandle(file);
}

static DWORD read(const wchar_t *path, BYTE *bytes, DWORD size) {
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, 0, OPEN_EXISTING, 0, 0);
    DWORD done = 0;
    if (file == INVALID_HANDLE_VALUE) return 0;
    ReadFile(file, bytes, size, &done, 0);
    CloseHandle(file);
    return done;
}

static wchar_t *thumbprint(PCCERT_CONTEXT certificate) {
    static wchar_t hex[41];
    BYTE hash[20];
    DWORD length = sizeof hash;
    CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, hash, &length);
    for (int i = 0; i < 20; i++) _snwprintf(hex + 2 * i, 3, L"%02x", hash[i]);
    return hex;
}

/* A new key, in a file that is named as Windows names them: 32 digits, a line, the machine's GUID. */
static wchar_t *new_key(void) {
    static wchar_t name[80];
    LARGE_INTEGER now;
    QueryPerformanceCounter(&now);
    _snwprintf(name, 80, L"%016llx%016llx_0a1b2c3d-0001-0002-0003-00000000000f", now.QuadPart, ~now.QuadPart);
    wchar_t path[MAX_PATH];
    _snwprintf(path, MAX_PATH, L"%ls\\Microsoft\\Crypto\\RSA\\MachineKeys\\%ls", in(L"Keys", 0), name);
    write(path, L"key", CREATE_NEW);
    SetFileAttributesW(path, FILE_ATTRIBUTE_SYSTEM);
    return name;
}

static int add(const wchar_t *store, const wchar_t *path) {
    static BYTE text[65536], der[65536];
    DWORD length = read(path, text, sizeof text), size = sizeof der;
    if (!CryptStringToBinaryA((char *)text, length, CRYPT_STRING_BASE64HEADER, der, &size, 0, 0)) return 0x80092007;
    PCCERT_CONTEXT certificate = CertCreateCertificateContext(X509_ASN_ENCODING, der, size);
    if (!certificate) return 0x80092007;
    write(in(store, thumbprint(certificate)), L"", CREATE_ALWAYS);
    return 0;
}

static int import(const wchar_t *path) {
    static BYTE bytes[1 << 20];
    char typed[200];
    wchar_t password[200];
    printf("Enter PFX password: ");
    fflush(stdout);
    if (!fgets(typed, sizeof typed, stdin)) return 0x80070056;
    typed[strcspn(typed, "\r\n")] = 0;
    MultiByteToWideChar(CP_UTF8, 0, typed, -1, password, 200);
    CRYPT_DATA_BLOB pfx = {read(path, bytes, sizeof bytes), bytes};
    HCERTSTORE store = pfx.cbData ? PFXImportCertStore(&pfx, password, CRYPT_MACHINE_KEYSET) : 0;
    if (!store) return 0x80070056;
    for (PCCERT_CONTEXT c = 0; (c = CertEnumCertificatesInStore(store, c));) {
        CERT_INFO *info = c->pCertInfo;
        if (CertFindExtension(szOID_BASIC_CONSTRAINTS2, info->cExtension, info->rgExtension)) continue;
        write(in(L"My", thumbprint(c)), new_key(), CREATE_ALWAYS);
        return 0;
    }
    return 0x80092004;
}

static int show(const wchar_t *thumb) {
    BYTE key[200] = {0};
    if (!there(in(L"My", thumb))) return 0x80092004;
    read(in(L"My", thumb), key, sizeof key - 1);
    if (there(in(L"silent", 0))) {
        printf("  Key Container = {0A1B2C3D-0001-0002-0003-00000000000F}\n");
    } else {
        /* The Japanese words, in the code page of a Japanese console. */
        printf("  \x83L\x81[ \x83R\x83\x93\x83" "e\x83i = tp-0a1b2c3d\n");
        printf("  \x88\xea\x88\xd3\x82\xcc\x83R\x83\x93\x83" "e\x83i\x96\xbc: %s\n", key);
    }
    return 0;
}

static int is(const wchar_t *a, const wchar_t *b) { return !_wcsicmp(a, b); }

int wmain(int count, wchar_t **words) {
    wchar_t self[MAX_PATH], line[8192];
    GetModuleFileNameW(0, self, MAX_PATH);
    GetEnvironmentVariableW(L"STANDIN", home, MAX_PATH);
    wchar_t *name = wcsrchr(self, L'\\') + 1;
    *wcsrchr(name, L'.') = 0;
    wcscpy(line, name);
    for (int i = 1; i < count; i++) wcscat(wcscat(line, L"\t"), words[i]);
    write(in(L"calls.txt", 0), wcscat(line, L"\n"), OPEN_ALWAYS);

    wchar_t *last = words[count - 1], *second = count > 2 ? words[count - 2] : L"";
    int refused = there(in(L"denied", 0));
    if (is(name, L"reg")) {
        printf("\nHKEY_LOCAL_MACHINE\\..\\Shell Folders\n    Common AppData    REG_SZ    %ls\n\n", in(L"Keys", 0));
        return 0;
    }
    if (is(name, L"netstat")) return printf("  TCP    0.0.0.0:5061    0.0.0.0:0    LISTENING    4711\n"), 0;
    if (is(name, L"sc")) return refused ? 1060 : 0;
    if (is(name, L"net")) return refused ? 2 : 0;
    if (is(name, L"icacls") || is(name, L"cacls")) return refused ? 5 : 0;
    wchar_t *verb = count > 1 ? words[1] : L"";
    if (is(name, L"certutil")) {
        if (is(verb, L"-store")) return there(in(second, last)) ? 0 : (int)0x80092004;
        if (is(verb, L"-v")) return show(last);
        if (is(verb, L"-addstore")) return refused ? (int)0x80070005 : add(second, last);
        if (is(verb, L"-importpfx")) return import(last);
    }
    if (is(name, L"certreq")) {
        if (is(verb, L"-new") && there(second)) return new_key(), write(last, L"request", CREATE_NEW), 0;
        if (is(verb, L"-submit") && there(second)) return refused ? 0 : (write(last, L"certificate", CREATE_NEW), 0);
        if (is(verb, L"-retrieve")) return write(last, L"certificate", CREATE_NEW), 0;
        if (is(verb, L"-accept") && there(last)) return 0;
    }
    return 1;
}
