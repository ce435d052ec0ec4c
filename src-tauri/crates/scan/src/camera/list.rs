//! Which webcams there are.

/// One webcam of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraInfo {
    /// The N of `camera:N`.
    pub index: u32,
    /// What its maker calls it.
    pub name: String,
}

/// The webcams of this machine, by number. Empty where there are none, or none that we may use.
#[cfg(target_os = "linux")]
pub fn cameras() -> Vec<CameraInfo> {
    use v4l::capability::Flags;
    use v4l::context::Node;

    // A webcam has a second node for metadata, which delivers no pictures. A node that cannot be asked (no rights,
    // just unplugged) is listed: choosing it says why it does not work.
    let takes_pictures = |node: &Node| {
        let Ok(device) = v4l::Device::with_path(node.path()) else { return true };
        // v4l panics on a name that is not UTF-8.
        std::panic::catch_unwind(|| device.query_caps())
            .is_ok_and(|caps| caps.is_ok_and(|caps| caps.capabilities.contains(Flags::VIDEO_CAPTURE)))
    };
    let mut cameras: Vec<_> = v4l::context::enum_devices()
        .iter()
        .filter(|node| takes_pictures(node))
        .filter_map(|node| {
            let index = u32::try_from(node.index()).ok()?;
            Some(CameraInfo { index, name: node.name().unwrap_or_else(|| format!("camera {index}")) })
        })
        .collect();
    cameras.sort_by_key(|camera| camera.index);
    cameras
}

/// The webcams of this machine, by number. Empty where there are none, or none that we may use.
#[cfg(not(target_os = "linux"))]
pub fn cameras() -> Vec<CameraInfo> {
    let mut cameras: Vec<_> = nokhwa::query(nokhwa::utils::ApiBackend::Auto)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|camera| {
            Some(CameraInfo { index: camera.index().as_index().ok()?, name: camera.human_name() })
        })
        .collect();
    cameras.sort_by_key(|camera| camera.index);
    cameras
}
