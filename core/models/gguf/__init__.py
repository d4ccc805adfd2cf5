"""GGUF files, llama.cpp's, as models."""
