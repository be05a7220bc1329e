"""Where conversations are kept: `store` says what a store promises, `sqlite` and `nothing` are two of them."""
