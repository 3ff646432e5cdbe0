"""What people on call do with alerts, as those know it who take it and those who heed it."""
