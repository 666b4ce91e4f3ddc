//! How numbers are written on axes, in bars and in legends.

use crate::math;

/// Returns `digit` times ten to the `exponent`, correctly rounded on every machine.
pub(crate) fn decimal(digit: u32, exponent: i32) -> f64 {
    format!("{digit}e{exponent}").parse().expect("a digit with an exponent is a number")
}

/// Writes all ticks alike and returns the power of ten left for the label of the axis.
pub(crate) fn write_ticks(numbers: &[f64], step: f64) -> (Vec<String>, i32) {
    let largest = numbers.iter().fold(0.0_f64, |all, number| all.max(number.abs()));
    let (mut power, mut suffix) = match largest {
        _ if largest == 0.0 => (0, ""),
        _ if largest < 1e-3 => ((math::log10(largest) / 3.0).floor() as i32 * 3, ""),
        _ if largest < 1e4 => (0, ""),
        _ if largest < 1e6 => (3, "k"),
        _ if largest < 1e9 => (6, "M"),
        _ if largest < 1e12 => (9, "G"),
        _ if largest < 1e15 => (12, "T"),
        _ => ((math::log10(largest) / 3.0).floor() as i32 * 3, ""),
    };
    if !suffix.is_empty() && places(step / decimal(1, power)) > 2 {
        (power, suffix) = (0, "");
    }
    let unit = decimal(1, power);
    let places = places(step / unit);
    let labels = numbers
        .iter()
        .map(|number| {
            let written = write_number(number / unit, places);
            if number.abs() < step / 2.0 { "0".to_owned() } else { written + suffix }
        })
        .collect();
    let left = if suffix.is_empty() { power } else { 0 };
    (labels, left)
}

/// Returns how many decimal places multiples of the step need, at most 12.
fn places(step: f64) -> usize {
    (0..12)
        .find(|places| {
            let whole = step * decimal(1, *places);
            (whole - whole.round()).abs() < 1e-6 * whole.max(1e-6)
        })
        .map_or(12, |places| places as usize)
}

/// Writes a number with a comma after every three digits and a true minus sign.
pub(crate) fn write_number(number: f64, places: usize) -> String {
    let digits = format!("{:.places$}", number.abs());
    let (whole, rest) = match digits.find('.') {
        Some(at) => digits.split_at(at),
        None => (digits.as_str(), ""),
    };
    let mut written = String::new();
    if number < 0.0 && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        written.push('−');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written + rest
}

/// Writes a number with at most two decimal places and no zeros behind them.
pub(crate) fn short_number(number: f64) -> String {
    let places = (0..2).find(|places| {
        let whole = number * decimal(1, *places);
        (whole - whole.round()).abs() < 1e-6
    });
    write_number(number, places.map_or(2, |places| places as usize))
}

/// Returns a whole number in raised digits.
pub(crate) fn superscript(power: i32) -> String {
    power
        .to_string()
        .chars()
        .map(|sign| match sign {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => char::from_u32(u32::from('⁰') + digit.to_digit(10).unwrap_or_default())
                .unwrap_or(digit),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!(write_number(1_234_567.0, 0), "1,234,567");
        assert_eq!(write_number(-1_234.5, 1), "−1,234.5");
        assert_eq!(write_number(999.0, 0), "999");
        assert_eq!(write_number(-0.001, 1), "0.0");
        assert_eq!(short_number(18.0), "18");
        assert_eq!(short_number(22.5), "22.5");
        assert_eq!(short_number(1.0 / 3.0), "0.33");
        assert_eq!(superscript(-12), "⁻¹²");
        assert_eq!(superscript(30), "³⁰");
    }
}
