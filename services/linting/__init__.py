"""Looking at scripts for what is wrong, or looks as if it were not meant, without running them."""
