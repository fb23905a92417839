"""One physical law per file: arrays in, arrays out, no knowledge of a cell."""
