//! Refresh tokens used at the same time, in the writer's transaction.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::{DbBackend, DbErr, QueryResult, RuntimeErr};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::batch::{Batch, Broken};
use crate::rotate::{RotationRow, by_session, many};
use crate::turn::{Arrivals, Entry, Onward, Passenger, arrivals};

impl Batch<'_> {
    /// The turn of all `passengers`, whose sessions are different ones. `others` are those who want a turn after them.
    pub(super) async fn fly(
        &mut self,
        passengers: Vec<Passenger>,
        stall: Duration,
        others: &mpsc::Receiver<Entry>,
    ) -> Result<(), Broken> {
        let rows: Vec<_> = passengers.iter().map(|passenger| passenger.row.clone()).collect();
        let found = match self.rotate_all(&rows).await {
            Ok(found) => found,
            Err(error) => {
                for passenger in passengers {
                    let _gone = passenger.reply.send(Err(error.clone()));
                }
                return self.roll_back_unit().await;
            }
        };
        let arrivals = arrivals(passengers, found, stall).await;
        self.land(arrivals, stall, others).await
    }

    async fn land(
        &mut self,
        arrivals: Arrivals,
        stall: Duration,
        others: &mpsc::Receiver<Entry>,
    ) -> Result<(), Broken> {
        let Arrivals { committing, onward, fresh, lost } = arrivals;
        if lost > 0 || !onward.is_empty() {
            self.roll_back_unit().await?;
            let rows: Vec<_> = committing.iter().map(|(row, ..)| row.clone()).collect();
            if !self.repeat(&rows).await? {
                let why = "a refresh token was not the live one when its use was repeated";
                return Err(Broken(DbErr::Exec(RuntimeErr::Internal(why.to_owned()))));
            }
        }
        let mut replies = Vec::with_capacity(committing.len());
        let mut outcome = Ok(());
        for (_, statements, reply) in committing {
            replies.push(reply);
            for statement in statements {
                if outcome.is_ok() {
                    outcome = self.transaction.execute(statement).await.map(drop);
                }
            }
        }
        match outcome {
            Ok(()) if replies.is_empty() => self.roll_back_unit().await?,
            Ok(()) => self.done(replies),
            Err(error) => {
                for reply in replies {
                    let _gone = reply.send(Err(error.clone()));
                }
                self.roll_back_unit().await?;
            }
        }
        for Onward { row, entry } in onward {
            if self.repeat(&[row]).await? {
                self.serve(entry, stall, others).await?;
            } else {
                // The one before it ended the session, or its COMMIT let another process use the token.
                self.roll_back_unit().await?;
                entry.first.refuse(DbErr::RecordNotUpdated);
            }
        }
        for entry in fresh {
            self.serve(entry, stall, others).await?;
        }
        Ok(())
    }

    /// Does again what succeeded before; whether all of it did. Nothing comes in between until a unit is served.
    async fn repeat(&mut self, rows: &[RotationRow]) -> Result<bool, Broken> {
        if rows.is_empty() {
            return Ok(true);
        }
        let rotated = self.rotate_all(rows).await.map_err(Broken)?;
        Ok(rotated.len() == rows.len())
    }

    async fn rotate_all(&mut self, rows: &[RotationRow]) -> Result<HashMap<Uuid, QueryResult>, DbErr> {
        by_session(self.transaction.query_all_repeatably(many(rows, DbBackend::Sqlite)).await?)
    }
}
