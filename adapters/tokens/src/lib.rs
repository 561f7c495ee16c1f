//! Access tokens as JWT and PASETO, and the keys behind them
