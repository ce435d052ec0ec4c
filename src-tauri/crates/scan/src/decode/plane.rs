//! Plane to plane: where a point of a code's own square lies in a frame.

/// A projective map from the code's square, `-0.5..0.5` both ways, to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plane([[f64; 3]; 3]);

impl Plane {
    /// The map that takes the square's corners (top left, top right, bottom right, bottom left) to these, by the
    /// closed form for a square (Heckbert 1989). None when they span no area.
    pub(super) fn through(corners: [(f64, f64); 4]) -> Option<Self> {
        let [(x0, y0), (x1, y1), (x2, y2), (x3, y3)] = corners;
        let (dx1, dy1) = (x1 - x2, y1 - y2);
        let (dx2, dy2) = (x3 - x2, y3 - y2);
        let (sx, sy) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let area = dx1 * dy2 - dx2 * dy1;
        if area.abs() < 1.0 {
            return None;
        }
        let (g, h) = ((sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area);
        let unit =
            [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]];
        Self(unit).after([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    }

    /// Pixels of this point.
    pub(super) fn at(&self, u: f64, v: f64) -> (f64, f64) {
        let [across, down, depth] = self.0.map(|row| row[0] * u + row[1] * v + row[2]);
        (across / depth, down / depth)
    }

    /// The four corners of the square.
    pub(super) fn corners(&self) -> [(f64, f64); 4] {
        [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map(|(u, v)| self.at(u, v))
    }

    /// First `step` (a map of the square onto itself), then this one; scaled so that the last entry is 1.
    fn after(&self, step: [[f64; 3]; 3]) -> Option<Self> {
        let mut product = [[0.0; 3]; 3];
        for (row, line) in product.iter_mut().enumerate() {
            for (column, cell) in line.iter_mut().enumerate() {
                *cell = (0..3).map(|k| self.0[row][k] * step[k][column]).sum();
            }
        }
        let scale = product[2][2];
        (scale.is_finite() && scale.abs() > 1e-9)
            .then(|| Self(product.map(|row| row.map(|cell| cell / scale))))
    }

    /// This map after undoing the small change `delta`, the eight free entries of a map near the identity.
    pub(super) fn without(&self, delta: [f64; 8]) -> Option<Self> {
        let m = [
            [1.0 + delta[0], delta[1], delta[2]],
            [delta[3], 1.0 + delta[4], delta[5]],
            [delta[6], delta[7], 1.0],
        ];
        let minor = |r: usize, k: usize| {
            let (r1, r2, k1, k2) = ((r + 1) % 3, (r + 2) % 3, (k + 1) % 3, (k + 2) % 3);
            m[r1][k1] * m[r2][k2] - m[r1][k2] * m[r2][k1]
        };
        let mut inverse = [[0.0; 3]; 3];
        for (row, line) in inverse.iter_mut().enumerate() {
            for (column, cell) in line.iter_mut().enumerate() {
                *cell = minor(column, row);
            }
        }
        self.after(inverse)
    }
}
