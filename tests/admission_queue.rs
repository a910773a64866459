//! The waiting line as a value: order, shares, bounds and forecast.

#[path = "admission_queue"]
mod scenes {
    mod bounds;
    mod ceilings;
    mod forecast;
    mod scene;
    mod turns;
    mod whatever_comes;
}
