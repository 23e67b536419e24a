"""Made-up countries with made-up errors, to train matching weights on and to measure matching with. No real list is used."""
