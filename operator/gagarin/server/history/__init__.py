"""Where conversations are kept: `store` is what a store promises, `sqlite` and `nothing` are two of them."""
