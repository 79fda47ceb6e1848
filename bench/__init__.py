"""The same faults, load, lab and run for what people use today and for anycast-wrap."""
