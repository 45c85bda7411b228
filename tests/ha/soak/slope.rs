//! How fast something grows.

/// The slope of the line with the least squares to the points; none where they do not give one.
pub fn slope(points: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let points: Vec<(f64, f64)> = points.collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let under: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (points.len() > 2 && under > 0.0).then(|| over / under)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_noise_none() {
        let line = (0..10).map(|n| (f64::from(n), 7.0 + 3.0 * f64::from(n)));
        assert!(slope(line).is_some_and(|slope| (slope - 3.0).abs() < 1e-9));
        let flat = (0..1_000).map(|n| (f64::from(n), f64::from(n % 2)));
        assert!(slope(flat).is_some_and(|slope| slope.abs() < 1e-4));
        assert_eq!(slope([(1.0, 2.0), (1.0, 3.0), (1.0, 4.0)].into_iter()), None);
        assert_eq!(slope(std::iter::empty()), None);
    }
}
