//! The product: rules, storage and use cases of a gym.
