//! The page of results: one file that asks for nothing, says everything as text, and stays small.

#[path = "common/charts.rs"]
mod charts;
#[path = "common/pages.rs"]
mod pages;

use std::path::Path;
use std::process::Command;

use pages::page_of;
use stickysim::report::html::page;

#[test]
fn names_that_look_like_markup_are_text() {
    let html = page(&page_of(charts::HOSTILE, 3, 500)).unwrap();
    assert_eq!(html.matches("<script").count(), 1);
    assert_eq!(html.matches("</script>").count(), 1);
    assert!(!html.contains("<img"));
    assert!(html.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
    assert!(!html.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
}

#[test]
fn a_page_names_nothing_to_fetch() {
    let html = page(&page_of("slow-account", 3, 500)).unwrap();
    for link in ["http:", "https:", "src=", "@import", "url(\"", "url(h", "<link rel=\"style"] {
        let rest = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(link), "{link}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn the_policy_names_the_script_that_is_there() {
    let html = page(&page_of("slow-account", 1, 50)).unwrap();
    let script = html.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let hash = base64(&sha256(script.as_bytes()));
    assert!(html.contains(&format!("script-src 'sha256-{hash}'")), "src/report/html/page.js.sha256 should be {hash}");
}

#[test]
fn the_same_page_is_the_same_bytes() {
    assert_eq!(page(&page_of("a", 2, 300)).unwrap(), page(&page_of("a", 2, 300)).unwrap());
}

#[test]
fn a_million_requests_stay_under_five_megabytes() {
    let html = page(&page_of("slow-account", 12, 1_000_000)).unwrap();
    assert!(html.len() < 5_000_000, "{}", html.len());
}

/// What a page holds of a run does not grow with its length: a run of 156,000 requests has 2.8 MB, one of 1.4 million
/// 2.6.
#[test]
fn the_page_of_a_real_run_stays_under_five_megabytes() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("size.html");
    let output = Command::new(env!("CARGO_BIN_EXE_stickysim"))
        .args(["run", "scenarios/slow-account.yaml", "--html"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size < 5_000_000, "{size}");
}

#[test]
fn identifiers_are_unique() {
    let html = page(&page_of("slow-account", 3, 500)).unwrap();
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

/// FIPS 180-4.
fn sha256(message: &[u8]) -> [u8; 32] {
    let primes: Vec<u64> = (2..312_u64).filter(|n| (2..*n).all(|d| n % d != 0)).collect();
    // The fractional parts of roots, by integer arithmetic: floor(root(p) * 2^32) mod 2^32.
    let root = |p: u64, power: u32| -> u32 {
        let target = u128::from(p) << (32 * power);
        let (mut low, mut high) = (0_u128, 1_u128 << 40);
        while low + 1 < high {
            let middle = (low + high) / 2;
            if middle.pow(power) <= target { low = middle } else { high = middle }
        }
        low as u32
    };
    let k: Vec<u32> = primes[..64].iter().map(|&p| root(p, 3)).collect();
    let mut state: Vec<u32> = primes[..8].iter().map(|&p| root(p, 2)).collect();
    let mut bytes = message.to_vec();
    bytes.push(0x80);
    while bytes.len() % 64 != 56 {
        bytes.push(0);
    }
    bytes.extend((message.len() as u64 * 8).to_be_bytes());
    for block in bytes.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        for i in 16..64 {
            let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
            let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
            w.push(w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1));
        }
        let mut v = state.clone();
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let t1 = v[7].wrapping_add(s1).wrapping_add(choice).wrapping_add(k[i]).wrapping_add(w[i]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(t1);
            v[0] = t1.wrapping_add(s0.wrapping_add(majority));
        }
        state.iter_mut().zip(&v).for_each(|(a, b)| *a = a.wrapping_add(*b));
    }
    let digest: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
    digest.try_into().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i) & 63) as usize] as char;
            out.push(if i <= chunk.len() { letter } else { '=' });
        }
    }
    out
}
