"""The playground: one page on which FM and AFM move. `engine.js` is the port that the conformance kit checks."""
