"""What somebody does who means harm: files, bodies and forms made to cost much, or to reach what is not theirs."""
