"""What Meadow measures about itself. ``python -m benchmarks NAME [--json]``; README.md says how numbers are made."""
