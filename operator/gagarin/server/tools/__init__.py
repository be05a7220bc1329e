"""What the model may call: one module for each type of Tool, and the toolset that holds them together."""
