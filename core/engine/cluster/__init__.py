"""The run loop on Ray: the job of `engine.local`, by workers on one machine or on many."""
