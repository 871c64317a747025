"""Tables, molecules, splits and the packed store. No trained thing lives here."""
