"""How the kit is made: the definitions of the cases, an oracle in high precision, and the files it writes."""
