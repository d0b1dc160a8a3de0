"""What readers reach by the links of their mail: one file per errand. GET changes nothing."""
