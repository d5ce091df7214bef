"""Back to words: the attributions of a vocabulary's terms shared among the words of the text, and the text with its words coloured."""
