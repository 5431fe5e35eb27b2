"""Networks written here, and what turns a network into the ONNX file that is served."""
