"""Studies: many small trainings that differ in one thing, scored alike and compared in pairs."""
