//! Every way to declare a certificate wrongly, with the text the operator reads.

use super::*;
use std::path::Path;

fn problems(declared: &[CertificateFiles]) -> Vec<(usize, String)> {
    let problems = Certificates::load(declared, now()).unwrap_err();
    let problems = problems.into_iter();
    problems.map(|(index, problem)| (index, problem.to_string())).collect()
}

fn only_problem(declared: CertificateFiles) -> String {
    let [(0, problem)] = &problems(&[declared])[..] else { panic!("expected one problem") };
    problem.clone()
}

fn warnings(declared: CertificateFiles, now: Duration) -> Vec<CertificateWarning> {
    let (_, warnings) = Certificates::load(&[declared], now).unwrap();
    warnings.into_iter().map(|(_, warning)| warning).collect()
}

fn file_name(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn no_certificates_are_fine() {
    let (certificates, warnings) = Certificates::load(&[], now()).unwrap();
    assert!(certificates.is_empty());
    assert!(warnings.is_empty());
}

#[test]
fn a_good_certificate_has_no_warnings() {
    let authority = Authority::new();
    let good = authority.issue("api", &["api.example.com", "*.example.org"]);
    assert_eq!(warnings(good, now()), []);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let good = authority.issue("api", &["api.example.com"]);
    let cert = file_name(&good.cert);
    let key = file_name(&good.key);
    let key_text = std::fs::read_to_string(&good.key).unwrap();

    let missing =
        CertificateFiles { cert: authority.folder.path().join("missing.pem"), ..good.clone() };
    let expected = format!(
        "cannot read `{}`: No such file or directory (os error 2)",
        file_name(&missing.cert)
    );
    assert_eq!(only_problem(missing), expected);

    let swapped = CertificateFiles { cert: good.key.clone(), ..good.clone() };
    assert_eq!(
        only_problem(swapped),
        format!("`{key}` holds no certificate: expected `-----BEGIN CERTIFICATE-----`")
    );

    let swapped = CertificateFiles { key: good.cert.clone(), ..good.clone() };
    assert_eq!(
        only_problem(swapped),
        format!("`{cert}` holds no private key: expected `-----BEGIN PRIVATE KEY-----`")
    );

    let other = authority.issue("other", &["other.example.com"]);
    let mixed = CertificateFiles { key: other.key.clone(), ..good.clone() };
    assert_eq!(
        only_problem(mixed),
        format!(
            "the private key in `{}` does not belong to the first certificate in `{cert}`",
            file_name(&other.key)
        )
    );

    let with_key = |text: &str| {
        std::fs::write(&good.key, text).unwrap();
        only_problem(good.clone())
    };
    let encrypted = key_text.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(
        with_key(&encrypted),
        format!("the private key in `{key}` is encrypted: decrypt it with `openssl pkey`")
    );
    let (begin, _) = key_text.split_at(40);
    assert_eq!(with_key(begin), format!("`{key}` is not valid PEM: a section has no end line"));
    let lines: Vec<&str> = key_text.lines().collect();
    assert_eq!(
        with_key(&format!("{}\n!!!!\n{}\n", lines[0], lines[lines.len() - 1])),
        format!("`{key}` is not valid PEM: a section is not base64")
    );
    let cut = format!("{}\nAAAA\n{}\n", lines[0], lines[lines.len() - 1]);
    assert!(
        with_key(&cut).starts_with(&format!("the private key in `{key}` cannot be used: ")),
        "{}",
        with_key(&cut)
    );
    std::fs::write(&good.key, key_text).unwrap();
    std::fs::write(&good.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    assert_eq!(
        only_problem(good.clone()),
        format!(
            "the first certificate in `{cert}` cannot be used: \
             invalid peer certificate: BadEncoding"
        )
    );
    std::fs::write(&good.cert, vec![b'\n'; (1 << 20) + 1]).unwrap();
    assert_eq!(
        only_problem(good),
        format!("`{cert}` has more than 1048576 bytes: not a certificate or key")
    );
}

#[test]
fn names_that_nobody_can_ask_for_are_refused() {
    let authority = Authority::new();
    let good = authority.issue("api", &["api.example.com"]);
    for bad in ["", "*", "*.", "a..b", "api.*.com", "10.0.0.1", "a b", "api.example.com."] {
        let declared = CertificateFiles { domains: vec![bad.to_owned()], ..good.clone() };
        assert_eq!(
            only_problem(declared),
            format!("`{bad}` is not a domain name: expected `api.example.com` or `*.example.com`")
        );
    }
    let none = CertificateFiles { domains: Vec::new(), ..good.clone() };
    let expected = format!("`{}` is declared for no domain", file_name(&good.cert));
    assert_eq!(only_problem(none), expected);
}

#[test]
fn one_name_may_have_one_certificate_of_each_kind() {
    let authority = Authority::new();
    let first = authority.issue("first", &["api.example.com"]);
    let second = authority.issue("second", &["API.example.com"]);
    let rsa = &rcgen::PKCS_RSA_SHA256;
    let other_kind = authority.issue_with("rsa", &["api.example.com"], rsa, |_| {});
    load(&[first.clone(), other_kind]);
    assert_eq!(
        problems(&[first.clone(), second]),
        [(
            1,
            format!(
                "`API.example.com` has a certificate with the same kind of key already, in `{}`",
                file_name(&first.cert)
            )
        )]
    );
}

#[test]
fn all_problems_are_reported_in_order() {
    let missing = |name: &str| CertificateFiles {
        domains: vec![name.to_owned()],
        cert: PathBuf::from("/nonexistent/cert"),
        key: PathBuf::from("/nonexistent/key"),
    };
    let found = problems(&[missing("a.example"), missing("b..example")]);
    let indices: Vec<usize> = found.iter().map(|&(index, _)| index).collect();
    assert_eq!(indices, [0, 1, 1]);
}

#[test]
fn dates_and_names_that_clients_will_refuse_are_warned_of() {
    let authority = Authority::new();
    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    let files = authority.issue_with("api", &["api.example.com"], algorithm, |params| {
        params.not_before = rcgen::date_time_ymd(2030, 1, 1);
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
    });
    let file = files.cert.clone();
    let (not_before, not_after) = (1_893_456_000, 1_924_992_000);
    let at = |seconds| warnings(files.clone(), Duration::from_secs(seconds));
    assert_eq!(
        at(not_before - 1),
        [CertificateWarning::NotYetValid {
            file: file.clone(),
            at: "2030-01-01T00:00:00Z".to_owned()
        }]
    );
    assert_eq!(at(not_before), []);
    let notice = EXPIRY_NOTICE.as_secs();
    assert_eq!(at(not_after - notice - 1), []);
    assert_eq!(
        at(not_after - notice),
        [CertificateWarning::ExpiresSoon {
            file: file.clone(),
            at: "2031-01-01T00:00:00Z".to_owned()
        }]
    );
    assert_eq!(
        at(not_after),
        [CertificateWarning::Expired { file: file.clone(), at: "2031-01-01T00:00:00Z".to_owned() }]
    );

    let misnamed = CertificateFiles {
        domains: vec!["*.example.com".to_owned(), "api.example.com".to_owned()],
        ..files
    };
    assert_eq!(
        warnings(misnamed, Duration::from_secs(not_before)),
        [CertificateWarning::WrongName { file, domain: "*.example.com".to_owned() }]
    );
}

#[test]
fn a_file_without_roots_is_refused() {
    let authority = Authority::new();
    let files = authority.issue("api", &["api.example.com"]);
    let load = |file: &Path| Trust::load(&Roots::Custom(file.to_owned()));
    assert!(matches!(load(&files.key), Err(CertificateProblem::NoCertificate { .. })));
    assert!(matches!(load(Path::new("/nonexistent")), Err(CertificateProblem::Unreadable { .. })));
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&files.cert, bad).unwrap();
    assert!(matches!(load(&files.cert), Err(CertificateProblem::BadRoot { .. })));
    assert!(load(&authority.root).is_ok());
}

#[test]
fn the_hosts_roots_are_found_or_their_absence_is_said() {
    match Trust::load(&Roots::System) {
        Ok(trust) => assert!(client_config(&trust).is_ok()),
        Err(problem) => assert!(problem.to_string().contains("ca-certificates")),
    }
}
