"""What people corrected, kept until a model learns from it."""
