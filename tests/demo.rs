use std::process::Command;

use crate::site::{read_mails, subjects};

fn demo(folder: &std::path::Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_vigie"))
        .env_clear()
        .current_dir(folder)
        .args(["demo", "--dir", "demo"])
        .output()
        .unwrap()
}

#[test]
fn the_demo_covers_every_status_and_can_be_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let output = demo(folder.path());
        assert!(output.status.success(), "{output:?}");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(
            shown.contains("7 found, 6 processed, 1 rejected, 0 pending"),
            "{shown}"
        );
        assert!(
            shown.contains("No report was received from ACME_LILLE_VIEUX"),
            "{shown}"
        );
    }
    let mails = read_mails(&folder.path().join("demo/mails"));
    assert_eq!(
        subjects(&mails),
        [
            "[FAILED] XAFRIC_2025: not completed (SDMC_DOUALA_AKWA)",
            "[HASH_MISMATCH] STOCK_2025: different content (SDMC_YAOUNDE_MVAN)",
            "[MISSING] ARCHIVES_2025: no backup report received from ACME_LILLE_VIEUX",
            "[MISSING] PAYROLL_2025: not received (SDMC_DOUALA_BONAPRISO)",
            "[TRANSFER_INTEGRITY_FAILED] LEDGER_2025: incomplete transfer (SDMC_YAOUNDE_BASTOS)",
            "[UNKNOWN] CRM_2025: not proven (ACME_LYON_CONFLUENCE)",
        ]
    );
}

#[test]
fn the_demo_touches_nothing_that_the_environment_names() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("real/A_B_C/log");
    std::fs::create_dir_all(&log).unwrap();
    std::fs::write(log.join("r.json"), "{broken").unwrap();
    let database = folder.path().join("real.db");
    let output = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .env_clear()
        .env("BACKUP_STORAGE_ROOT", folder.path().join("real"))
        .env("DATABASE_URL", format!("sqlite://{}", database.display()))
        .current_dir(folder.path())
        .args(["demo", "--dir", "demo"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(log.join("r.json").exists() && !database.exists());
    assert!(folder.path().join("demo/vigie.db").exists());
}

#[test]
fn the_demo_deletes_nobodys_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("demo")).unwrap();
    std::fs::write(folder.path().join("demo/thesis.txt"), "the only copy").unwrap();
    let output = demo(folder.path());
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("demo is not empty and holds no demo"),
        "{error}"
    );
    assert!(folder.path().join("demo/thesis.txt").exists());
}
