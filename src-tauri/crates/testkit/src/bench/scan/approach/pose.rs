//! Where the card is: its plane seen through a pinhole.

/// Pixels of focal length: a 720p webcam with 65 degrees across.
const FOCAL: f32 = 1005.0;

/// A card in front of the camera. Millimetres and radians.
#[derive(Debug, Clone, Copy)]
pub struct Pose {
    /// Right of the optical axis.
    pub x: f32,
    /// Below the optical axis.
    pub y: f32,
    /// Away from the camera.
    pub distance: f32,
    /// Turned about the upright axis.
    pub yaw: f32,
    /// Turned about the level axis.
    pub pitch: f32,
    /// Turned in its own plane.
    pub roll: f32,
}

/// The plane of a card on the sensor, both ways.
#[derive(Debug, Clone, Copy)]
pub struct View {
    to_pixel: [[f32; 3]; 3],
    to_card: [[f32; 3]; 3],
}

impl Pose {
    /// Pixels that a millimetre of the card covers when it is not tilted.
    pub fn scale(&self) -> f32 {
        FOCAL / self.distance
    }

    /// The view with the optical axis in the middle of a sensor of this size.
    pub fn view(&self, width: f32, height: f32) -> View {
        let (sin_y, cos_y) = self.yaw.sin_cos();
        let (sin_p, cos_p) = self.pitch.sin_cos();
        let (sin_r, cos_r) = self.roll.sin_cos();
        // The card's own axes after roll, then pitch, then yaw.
        let turn = |x: f32, y: f32| {
            let (x, y) = (x * cos_r - y * sin_r, x * sin_r + y * cos_r);
            let (y, z) = (y * cos_p, y * sin_p);
            [x * cos_y + z * sin_y, y, z * cos_y - x * sin_y]
        };
        let (right, down) = (turn(1.0, 0.0), turn(0.0, 1.0));
        let place = [self.x, self.y, self.distance];
        let (half_width, half_height) = (width / 2.0, height / 2.0);
        let mut to_pixel = [[0.0; 3]; 3];
        for (column, axis) in [right, down, place].into_iter().enumerate() {
            to_pixel[0][column] = FOCAL * axis[0] + half_width * axis[2];
            to_pixel[1][column] = FOCAL * axis[1] + half_height * axis[2];
            to_pixel[2][column] = axis[2];
        }
        View { to_pixel, to_card: adjugate(&to_pixel) }
    }
}

impl View {
    /// Millimetres on the card to pixels.
    pub fn pixel(&self, x: f32, y: f32) -> (f32, f32) {
        through(&self.to_pixel, x, y)
    }

    /// Pixels to millimetres on the card.
    pub fn card(&self, x: f32, y: f32) -> (f32, f32) {
        through(&self.to_card, x, y)
    }
}

fn through(map: &[[f32; 3]; 3], x: f32, y: f32) -> (f32, f32) {
    let [across, down, depth] = map.map(|row| row[0] * x + row[1] * y + row[2]);
    (across / depth, down / depth)
}

/// The inverse up to a factor, which a projective map does not feel.
fn adjugate(m: &[[f32; 3]; 3]) -> [[f32; 3]; 3] {
    let minor = |r: usize, c: usize| {
        let (r1, r2) = ((r + 1) % 3, (r + 2) % 3);
        let (c1, c2) = ((c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let mut inverse = [[0.0; 3]; 3];
    for (row, line) in inverse.iter_mut().enumerate() {
        for (column, cell) in line.iter_mut().enumerate() {
            *cell = minor(column, row);
        }
    }
    inverse
}
