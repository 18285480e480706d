//! Ranges of a search, which have round values.
//!
//! A value that a search finds is only as precise as the distance to its neighbours: 4707 between 3068 and 7222 says no
//! more than 5000. So the values within a range are round. An open range (`LOW:HIGH:log`) takes the preferred numbers
//! 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 of every factor of ten (ISO 3, series R″10); a range with a number of points
//! keeps it, and each point is the roundest number within a quarter of a step. Both ends are taken as they are written.

use super::vary::{Axis, BadAxis, Scale};

/// Preferred numbers: about equal ratios, as round as can be.
const PREFERRED: [f64; 10] = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];
/// Points of an open range at equal distances.
const OPEN_LIN: usize = 11;

/// Turns a specification `KEY=SPEC` with a range into one with a list of round values. A list is not changed.
///
/// # Errors
/// When the text is not an axis.
pub fn rounded(spec: &str) -> Result<String, BadAxis> {
    let spec = spec.trim();
    let open_log = spec.strip_suffix(":log");
    if let Some(range) = open_log {
        // an axis with two points shows whether the ends can be used
        let axis = Axis::parse(&format!("{range}:log:2"))?;
        return Ok(preferred(&axis).unwrap_or_else(|| format!("{range}:log:2")));
    }
    let axis = if spec.ends_with(":lin") { open_lin(spec)? } else { Axis::parse(spec)? };
    match axis.scale {
        Scale::List => Ok(spec.to_owned()),
        scale => Ok(of_points(&axis, scale)),
    }
}

/// As many points at equal distances as there are different ones.
fn open_lin(spec: &str) -> Result<Axis, BadAxis> {
    let fewer = (2..=OPEN_LIN).rev().find_map(|points| Axis::parse(&format!("{spec}:{points}")).ok());
    fewer.map_or_else(|| Axis::parse(&format!("{spec}:2")), Ok)
}

fn whole(axis: &Axis) -> bool {
    let ends = axis.points.first().into_iter().chain(axis.points.last());
    ends.clone().count() == 2 && ends.into_iter().all(|point| !point.text.contains(['.', 'e', 'E']))
}

fn list(axis: &Axis, inner: &[f64]) -> String {
    let (first, last) = (&axis.points[0].text, &axis.points[axis.points.len() - 1].text);
    let mut texts = vec![first.clone()];
    texts.extend(inner.iter().map(|value| format!("{value}")));
    texts.push(last.clone());
    format!("{}={}", axis.key, texts.join(","))
}

/// The preferred numbers between the ends, those next to an end left out.
fn preferred(axis: &Axis) -> Option<String> {
    let (low, high) = (axis.points.first()?.number?, axis.points.last()?.number?);
    let whole = whole(axis);
    let decades = (libm::log10(low).floor() as i32)..=(libm::log10(high).floor() as i32);
    let inner: Vec<f64> = decades
        .flat_map(|decade| PREFERRED.map(|number| decimal(number * 10.0, decade - 1)))
        .filter(|&value| value > low * 1.05 && value < high * 0.95 && (!whole || value.fract() == 0.0))
        .collect();
    Some(list(axis, &inner))
}

fn of_points(axis: &Axis, scale: Scale) -> String {
    let numbers: Vec<f64> = axis.points.iter().filter_map(|point| point.number).collect();
    let whole = whole(axis);
    let mut inner: Vec<f64> = Vec::new();
    for at in 1..numbers.len().saturating_sub(1) {
        let value = numbers[at];
        let (below, above) = match scale {
            Scale::Log => {
                (value * libm::pow(numbers[at - 1] / value, 0.25), value * libm::pow(numbers[at + 1] / value, 0.25))
            }
            Scale::Lin | Scale::List => {
                (value + 0.25 * (numbers[at - 1] - value), value + 0.25 * (numbers[at + 1] - value))
            }
        };
        inner.push(roundest(value, below, above).filter(|round| !whole || round.fract() == 0.0).unwrap_or(value));
    }
    list(axis, &inner)
}

/// The roundest number between two limits, and of equally round ones the nearest to `value`.
fn roundest(value: f64, below: f64, above: f64) -> Option<f64> {
    if value == 0.0 || below <= 0.0 && above >= 0.0 {
        return Some(0.0);
    }
    let decade = libm::log10(value.abs()).floor() as i32;
    (0..8).flat_map(|finer| [10.0, 5.0, 2.0].map(|unit| (unit, decade - finer - 1))).find_map(|(unit, decade)| {
        let round = decimal((value / (unit * libm::exp10(f64::from(decade)))).round() * unit, decade);
        (below <= round && round <= above).then_some(round)
    })
}

/// number · 10^decade by way of decimal text, which rounds exactly.
fn decimal(number: f64, decade: i32) -> f64 {
    format!("{}e{decade}", number.round()).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_range_takes_preferred_numbers() {
        assert_eq!(
            rounded("t=2000:40000:log").unwrap(),
            "t=2000,2500,3000,4000,5000,6000,8000,10000,12000,15000,20000,25000,30000,40000"
        );
        assert_eq!(rounded("t=0.1:1.0:log").unwrap(), "t=0.1,0.12,0.15,0.2,0.25,0.3,0.4,0.5,0.6,0.8,1.0");
        assert_eq!(rounded("k=1:20:log").unwrap(), "k=1,2,3,4,5,6,8,10,12,15,20");
        assert_eq!(rounded("k=1:4:lin").unwrap(), "k=1,2,3,4");
    }

    #[test]
    fn points_of_a_range_are_as_round_as_their_distance_lets_them() {
        assert_eq!(rounded("t=2000:40000:log:8").unwrap(), "t=2000,3000,5000,7000,10000,16000,25000,40000");
        assert_eq!(rounded("w=0.1:0.9:lin:9").unwrap(), "w=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9");
    }

    #[test]
    fn lists_and_what_is_no_axis_stay_what_they_are() {
        assert_eq!(rounded("t=4707,9000").unwrap(), "t=4707,9000");
        assert_eq!(rounded("m={a: 1},x").unwrap(), "m={a: 1},x");
        assert!(rounded("t=0:5:log").unwrap_err().to_string().contains("must be above 0"));
        assert!(rounded("t").is_err());
    }

    #[test]
    fn every_rounded_range_is_an_axis_in_ascending_order() {
        for spec in
            ["a=3:5:log", "a=1:2:lin", "a=0.001:7000.0:log", "a=1234:98765:log:40", "a=-5:5:lin:11", "a=-1.0:1.0:lin"]
        {
            let axis = Axis::parse(&rounded(spec).unwrap()).unwrap();
            assert!(axis.points.windows(2).all(|pair| pair[0].number < pair[1].number), "{spec}: {axis:?}");
        }
    }
}
