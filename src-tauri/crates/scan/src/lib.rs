//! Frames to codes: picture sources and the decoding cascade.
