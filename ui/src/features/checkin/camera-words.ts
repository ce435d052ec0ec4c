import type { CameraState } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

/** What the camera is doing and, where something is wrong, what to do about it. */
export function cameraSentence(state: CameraState): string {
  switch (state.kind) {
    case "reading":
      return m.camera_reading();
    case "opening":
      return m.camera_opening();
    case "too_dark":
      return m.camera_too_dark();
    case "too_bright":
      return m.camera_too_bright();
    case "blurred":
      return m.camera_blurred();
    case "none":
      return m.camera_none();
    case "unplugged":
      return m.camera_unplugged();
    case "busy":
      return m.camera_busy();
    case "frozen":
      return m.camera_frozen();
    case "paused":
      return m.camera_paused();
    case "failed":
      return m.camera_failed();
  }
}

/** Pictures are coming in. */
export function cameraWorks(state: CameraState): boolean {
  return ["reading", "too_dark", "too_bright", "blurred", "paused"].includes(state.kind);
}
