//! Symmetric positive definite systems of equations.

/// Cholesky's factor L of a matrix A = L L', row by row: what stands right of the diagonal is not looked at.
pub(super) struct Factor {
    d: usize,
    lower: Vec<f64>,
}

impl Factor {
    /// The factor of a `d` times `d` matrix; `None` where it is not positive definite.
    pub(super) fn of(mut matrix: Vec<f64>, d: usize) -> Option<Self> {
        for i in 0..d {
            let (above, own) = matrix.split_at_mut(i * d);
            for j in 0..i {
                let row = &above[j * d..][..=j];
                own[j] = (own[j] - dot(&own[..j], row)) / row[j];
            }
            let rest = own[i] - dot(&own[..i], &own[..i]);
            if rest.is_nan() || rest <= 0.0 {
                return None;
            }
            own[i] = rest.sqrt();
        }
        Some(Self { d, lower: matrix })
    }

    /// Solves A x = b in the place of b.
    pub(super) fn solve(&self, b: &mut [f64]) {
        let d = self.d;
        for i in 0..d {
            let row = &self.lower[i * d..][..=i];
            b[i] = (b[i] - dot(&row[..i], b)) / row[i];
        }
        for i in (0..d).rev() {
            let below: f64 = (i + 1..d).map(|k| self.lower[k * d + i] * b[k]).sum();
            b[i] = (b[i] - below) / self.lower[i * d + i];
        }
    }
}

/// Inner product of `a` with as much of `b`.
#[inline]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds `weight` x x' to the lower half of a matrix.
#[inline]
pub(super) fn add_square(matrix: &mut [f64], x: &[f64], weight: f64) {
    for (i, (row, x_i)) in matrix.chunks_exact_mut(x.len()).zip(x).enumerate() {
        let scale = weight * x_i;
        if scale != 0.0 {
            row.iter_mut().zip(&x[..=i]).for_each(|(entry, x_j)| *entry += scale * x_j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_and_one_that_has_no_factor_is_refused() {
        // The textbook matrix with the factor (2; 6 1; -8 5 3); x = (1, 2, 3).
        let matrix = vec![4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0];
        let factor = Factor::of(matrix, 3).expect("positive definite");
        let mut b = [-20.0, -43.0, 192.0];
        factor.solve(&mut b);
        for (x, expected) in b.iter().zip([1.0, 2.0, 3.0]) {
            assert!((x - expected).abs() < 1e-12, "{b:?}");
        }
        assert!(Factor::of(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
