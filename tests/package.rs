//! What `cargo install` gets, and what a release archive holds: the list of the package, its size, a build of it, the
//! archive in an empty root, and the Dockerfile, whose steps are run without Docker.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("stickysim-package-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a call prints that ends well.
fn done(command: &mut Command) -> String {
    let output = command.current_dir(home()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether the variable `CI` says so: there nothing may be skipped that can run.
fn is_ci() -> bool {
    #[expect(clippy::disallowed_methods, reason = "CI must not skip what a user may")]
    let is_ci = std::env::var("CI").as_deref() == Ok("true");
    is_ci
}

fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.env("CARGO_NET_OFFLINE", "true");
    command
}

#[test]
fn the_package_has_what_is_needed_and_nothing_else() {
    let list = done(cargo().args(["package", "--list", "--allow-dirty"]));
    let files: Vec<&str> = list.lines().collect();
    for needed in [
        "Cargo.lock",
        "Cargo.toml",
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "README.zh-CN.md",
        "assets/fonts/DejaVuSans.subset.ttf",
        "assets/fonts/DejaVu-LICENSE.txt",
        "scenarios/slow-account.yaml",
        "src/main.rs",
    ] {
        assert!(files.contains(&needed), "{needed} is not in the package");
    }
    // `cargo install` copies no file beside the binary, so the samples belong to the repository and to the archive
    let foreign = [
        "tests/",
        "traces/",
        "docs/",
        "benches/",
        "examples/",
        "action",
        "dist/",
        ".ci/",
        ".github/",
        "target/",
        "Dockerfile",
    ];
    for file in &files {
        assert!(!foreign.iter().any(|start| file.starts_with(start)), "{file} is in the package");
    }
    // what the code includes at compile time lies in the package
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let text = std::fs::read_to_string(home().join(file)).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for part in text.split("include_bytes!(\"").skip(1).chain(text.split("include_str!(\"").skip(1)) {
            let named = part.split('"').next().unwrap_or_default();
            let path = home().join(file).parent().unwrap().join(named);
            let Ok(path) = path.canonicalize() else { continue };
            let path = path.strip_prefix(home().canonicalize().unwrap()).unwrap().display().to_string();
            let is_test = file.contains("/tests") || file.contains("_tests.rs");
            assert!(is_test || files.contains(&path.as_str()), "{file} includes {path}, which is not in the package");
        }
    }
}

/// Packs, measures, unpacks and builds the package with the profile of this test, and runs what came of it.
#[test]
#[ignore = "builds the program once more"]
fn the_package_is_under_a_megabyte_and_builds() {
    let target = folder("crate");
    done(cargo().args(["package", "--no-verify", "--allow-dirty", "--target-dir"]).arg(&target));
    let name = format!("stickysim-{}", env!("CARGO_PKG_VERSION"));
    let packed = target.join("package").join(format!("{name}.crate"));
    let size = std::fs::metadata(&packed).unwrap().len();
    println!("the package has {size} bytes");
    assert!(size < 1_000_000, "{size} bytes");
    done(Command::new("tar").arg("-xzf").arg(&packed).arg("-C").arg(&target));
    let shared = Path::new(env!("CARGO_BIN_EXE_stickysim")).ancestors().nth(2).unwrap();
    let profile = Path::new(env!("CARGO_BIN_EXE_stickysim")).parent().unwrap().file_name().unwrap();
    let profile = if profile == "debug" { "dev".as_ref() } else { profile };
    let built = shared.join("package-build");
    let mut build = cargo();
    build.args(["build", "--locked", "--bin", "stickysim", "--profile"]).arg(profile).arg("--target-dir").arg(&built);
    let output = build.current_dir(target.join(&name)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let program = built.join(if profile == "dev" { "debug".as_ref() } else { profile }).join("stickysim");
    let run =
        Command::new(program).args(["check", "scenarios/slow-account.yaml"]).current_dir(target.join(&name)).output();
    assert!(run.unwrap().status.success());
    std::fs::remove_dir_all(target).unwrap();
}

/// The static build of this machine's processor, with `dist/build.sh`; none where its toolchain is not to be had.
fn archive(target: &Path) -> Option<PathBuf> {
    let host = done(Command::new("rustc").arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    archive_for(host.split('-').next().unwrap(), target)
}

/// The same for a processor of this name.
fn archive_for(processor: &str, target: &Path) -> Option<PathBuf> {
    let musl = format!("{processor}-unknown-linux-musl");
    let installed = Command::new("rustup").args(["target", "add", &musl]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("skipped: the target {musl} cannot be installed here");
        return None;
    }
    let script = ["dist/build.sh", &musl];
    done(Command::new("bash").args(script).env("PROFILE", "quick").env("CARGO_TARGET_DIR", target));
    Some(target.join(format!("archives/stickysim-{}-{musl}.tar.gz", env!("CARGO_PKG_VERSION"))))
}

/// A shell and nothing else: the archive gives its first answer in a root that holds only what was in it.
#[test]
#[ignore = "builds the program once more"]
fn the_archive_gives_an_answer_in_an_empty_root() {
    let target = Path::new(env!("CARGO_BIN_EXE_stickysim")).ancestors().nth(2).unwrap().join("package-build");
    let Some(archive) = archive(&target) else { return };
    let root = folder("root");
    let sum = format!("{}.sha256", archive.display());
    done(
        Command::new("sh").arg("-ec").arg(format!("cd {} && sha256sum -c {sum}", archive.parent().unwrap().display())),
    );
    done(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&root).arg("--strip-components=1"));
    for file in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "README.zh-CN.md",
        "completions/stickysim.bash",
        "completions/stickysim.zsh",
        "completions/stickysim.fish",
        "man/stickysim.1",
        "man/stickysim-doctor.1",
        "man/stickysim-compare.1",
        "scenarios/slow-account.yaml",
        "traces/gateway-log.jsonl",
    ] {
        let size = std::fs::metadata(root.join(file)).unwrap_or_else(|_| panic!("{file} is missing")).len();
        assert!(size > 100, "{file} has {size} bytes");
    }
    let mut command = Command::new("chroot");
    command.arg(&root).args(["/stickysim", "run", "/scenarios/slow-account.yaml"]);
    let mut output = command.output();
    if !output.as_ref().is_ok_and(|output| output.status.success()) {
        // without being root: in a namespace of one's own
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "chroot"]).arg(&root);
        output = command.args(["/stickysim", "run", "/scenarios/slow-account.yaml"]).output();
    }
    match output {
        Ok(output) if output.status.success() => assert!(said(&output).contains("Account 3"), "{}", said(&output)),
        Ok(output) if said(&output).contains("not permitted") && !is_ci() => {
            println!("skipped: neither chroot nor unshare is permitted here");
        }
        other => panic!("{other:?}"),
    }
    image_without_docker(&root);
    std::fs::remove_dir_all(root).unwrap();
}

/// The same scenario and seed give the same bytes on another processor.
#[test]
#[ignore = "builds the program for another processor"]
fn the_archive_for_aarch64_gives_the_same_bytes_in_an_emulator() {
    const EMULATOR: &str = "qemu-aarch64-static";
    if Command::new(EMULATOR).arg("--version").output().is_err() {
        println!("skipped: no {EMULATOR} (tests/packages.sh qemu)");
        return;
    }
    let target = Path::new(env!("CARGO_BIN_EXE_stickysim")).ancestors().nth(2).unwrap().join("package-build");
    let Some(archive) = archive_for("aarch64", &target) else { return };
    let root = folder("aarch64");
    done(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&root).arg("--strip-components=1"));
    let (mut here, mut there) = (Command::new(env!("CARGO_BIN_EXE_stickysim")), Command::new(EMULATOR));
    there.arg(root.join("stickysim"));
    let mut files = Vec::new();
    for (name, command) in [("here", &mut here), ("there", &mut there)] {
        let out = root.join(name);
        command.args(["run", "tests/experiments/small.yaml", "--output", "csv", "--plot"]).arg(out.join("charts"));
        command.arg("--out").arg(out.join("rows"));
        let text: Vec<String> =
            done(command).lines().filter(|line| !line.starts_with("engine.wall_s,")).map(str::to_owned).collect();
        let rows = ["charts/incident.png", "charts/incident.svg", "rows/requests.csv", "rows/sessions.csv"];
        files.push((text, rows.map(|file| std::fs::read(out.join(file)).unwrap())));
    }
    assert!(files[0] == files[1], "the results differ");
    std::fs::remove_dir_all(root).unwrap();
}

/// The last stage of the Dockerfile done by hand, with the program out of an unpacked archive: its files copied into
/// an empty root, its entry point run there as its user.
fn image_without_docker(unpacked: &Path) {
    let text = std::fs::read_to_string(home().join("Dockerfile")).unwrap();
    let (_, stage) = text.split_once("FROM scratch\n").unwrap();
    let root = folder("image");
    let (mut user, mut entry) = ("0:0", Vec::new());
    for line in stage.lines() {
        match line.split_once(' ') {
            Some(("COPY", files)) => {
                let files: Vec<&str> = files.trim_start_matches("--from=build ").split(' ').collect();
                let (to, from) = files.split_last().unwrap();
                for from in from.iter().map(|from| from.trim_start_matches("/stickysim/")) {
                    let from = match from.strip_prefix("target/dist/") {
                        Some(built) => unpacked.join(built),
                        None => home().join(from),
                    };
                    done(Command::new("cp").arg("-r").arg(from).arg(root.join(to.trim_start_matches('/'))));
                }
            }
            Some(("USER", id)) => user = id,
            Some(("WORKDIR", folder)) => std::fs::create_dir_all(root.join(folder.trim_start_matches('/'))).unwrap(),
            Some(("ENTRYPOINT", list)) => entry = serde_json::from_str::<Vec<String>>(list).unwrap(),
            _ => {}
        }
    }
    let mut command = Command::new("chroot");
    command.arg(format!("--userspec={user}")).arg(&root).args(&entry).args(["run", "/scenarios/slow-account.yaml"]);
    match command.output() {
        Ok(output) if output.status.success() => assert!(said(&output).contains("Account 3"), "{}", said(&output)),
        Ok(output) if said(&output).contains("not permitted") && !is_ci() => {
            println!("skipped: chroot is not permitted here");
        }
        other => panic!("{other:?}"),
    }
    std::fs::remove_dir_all(root).unwrap();
}

/// What the Dockerfile copies is in the context, what it runs is what the tests run, and the image's user is nobody.
#[test]
fn the_dockerfile_is_sound() {
    let text = std::fs::read_to_string(home().join("Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    let known = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"];
    for line in &lines {
        let word = line.split(' ').next().unwrap_or_default();
        assert!(known.contains(&word), "{line}");
        assert!(!line.contains(":latest") && !line.contains("sudo"), "{line}");
    }
    let last = lines.iter().rposition(|line| line.starts_with("FROM")).unwrap();
    assert_eq!(lines[last], "FROM scratch", "the image holds only the program");
    let user = lines[last..].iter().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}: no name is known in scratch");
    let ignored = std::fs::read_to_string(home().join(".dockerignore")).unwrap();
    for line in &lines[last..] {
        let Some(files) = line.strip_prefix("COPY --from=build ") else { continue };
        let mut files: Vec<&str> = files.split(' ').collect();
        files.pop();
        for file in files.iter().filter_map(|file| file.strip_prefix("/stickysim/")) {
            let is_built = file.starts_with("target/");
            assert!(is_built || home().join(file).exists(), "{line}: {file} is not there");
            assert!(is_built || !ignored.lines().any(|name| file.split('/').next() == Some(name)), "{file} is ignored");
        }
    }
    // what the build needs is in its context
    for needed in ["src", "Cargo.lock", "Cargo.toml", "assets", "schema"] {
        assert!(!ignored.lines().any(|name| name == needed), "{needed} is ignored");
    }
    let build = "RUN cargo build --profile dist --locked --bin stickysim";
    assert!(lines.contains(&build), "the build of the image is that of dist/build.sh");
    for list in ["ENTRYPOINT", "CMD"] {
        let arguments = lines.iter().find_map(|line| line.strip_prefix(list)).unwrap();
        assert!(serde_json::from_str::<Vec<String>>(arguments).is_ok(), "{list} is no list: scratch has no shell");
    }
}

/// Where hadolint is installed, it has its say as well.
#[test]
fn hadolint_has_no_complaints() {
    match Command::new("hadolint").arg("Dockerfile").current_dir(home()).output() {
        Err(_) => println!("skipped: no hadolint"),
        Ok(output) => assert!(output.status.success(), "{}", said(&output)),
    }
}
