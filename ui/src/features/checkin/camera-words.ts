import type { CameraView } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

const SENTENCES: Record<string, () => string> = {
  none: m.camera_none,
  starting: m.camera_starting,
  reading: m.camera_reading,
  no_camera: m.camera_no_camera,
  busy: m.camera_busy,
  unplugged: m.camera_unplugged,
  frozen: m.camera_frozen,
  too_dark: m.camera_too_dark,
  too_bright: m.camera_too_bright,
  blurred: m.camera_blurred,
  denied: m.camera_denied,
  ended: m.camera_ended,
  paused: m.camera_paused,
  failed: m.camera_failed,
};

/** What the camera is doing and, where something is wrong, what to do about it. */
export function cameraSentence({ state }: CameraView): string {
  return (SENTENCES[state] ?? m.camera_failed)();
}

/** Pictures are coming in. */
export function cameraWorks({ state }: CameraView): boolean {
  return ["reading", "too_dark", "too_bright", "blurred", "paused"].includes(state);
}
