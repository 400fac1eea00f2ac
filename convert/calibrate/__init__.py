"""What a Gemma 3 computes on calibration data, and layers quantized for what their matrices see there."""
