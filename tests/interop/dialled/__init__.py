"""Those who are called in the tests of Dial, and what becomes of them."""
