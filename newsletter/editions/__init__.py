"""What one reader gets today: due mailings, candidates, selection. Nothing here renders or sends."""
