"""Shapes of streams that go on for as long as somebody reads them."""
