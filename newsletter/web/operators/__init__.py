"""What the operator reaches behind their token. Everything that is done here is a command, too."""
