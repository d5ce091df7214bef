"""Programs that measure. Each prints one JSON object on its last line, with the ratios that matter under "ratios"."""
