//! The mails that tell the others of mails that were refused for good. Knows no incident.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use crate::mail::recipient_of;
use crate::{Clock, DeadDelivery, DeliveryId, Ledger, Mail, OutboxError, UndeliveredMail};

/// How many dead deliveries are told of in one transaction.
const DEAD: u32 = 500;

/// Up to so many addresses of which somebody is told at once have a mail each.
const ADDRESSES: usize = 3;

/// How long nobody is told again of dead deliveries to the same address, if somebody else got the same.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

impl<L: Ledger, C: Clock> Planner<L, C> {
    /// Somebody who is told nothing is a danger that the others have to know of.
    pub(super) async fn plan_notices(&self) -> Result<u64, OutboxError> {
        let at = self.clock.now();
        let since = at.saturating_sub(QUIET).unwrap_or(Timestamp::MIN);
        let (mut told_up_to, mut count) = (None, 0);
        loop {
            let dead = self.ledger.untold_dead(since, at, DEAD).await?;
            let told: Vec<DeliveryId> = dead.iter().map(|delivery| delivery.id).collect();
            let last = told.last().copied();
            if last <= told_up_to {
                return Ok(count);
            }
            let mails = self.notices(dead, at);
            self.ledger.plan_notices(&told, &mails, at).await?;
            count += mails.len() as u64;
            told_up_to = last;
        }
    }

    /// One mail to each reader about each address. Nobody reads of a mail that was not for them too,
    /// but for the administrators.
    fn notices(&self, dead: Vec<DeadDelivery>, now: Timestamp) -> Vec<Mail> {
        let unreached: BTreeSet<String> = dead
            .iter()
            .map(|delivery| delivery.mail.recipient())
            .collect();
        let mut lists = Lists::new();
        for delivery in dead {
            let address = delivery.mail.recipient();
            let mut is_told = false;
            for reader in delivery
                .others
                .iter()
                .cloned()
                .chain(self.composer.administrators())
            {
                let reader_address = recipient_of(&reader);
                if unreached.contains(&reader_address) {
                    continue;
                }
                is_told = true;
                let key = (address.clone(), reader_address);
                let (_, mails) = lists.entry(key).or_insert_with(|| (reader, Vec::new()));
                if mails.last().is_none_or(|last| last.delivery != delivery.id) {
                    mails.push(undelivered(&delivery));
                }
            }
            if !is_told {
                tracing::error!(
                    delivery = delivery.id.0,
                    recipient = address,
                    error = delivery.error,
                    "a mail was refused, and there is nobody else to tell; name another \
                     administrator"
                );
            }
        }
        let mut mails = Vec::new();
        for (address, reader, undelivered) in together(lists) {
            match self
                .composer
                .compose_undelivered(&reader, &address, &undelivered, now)
            {
                Ok(mail) => mails.push(mail),
                Err(error) => tracing::error!(%error, "nobody is told that a mail was refused"),
            }
        }
        mails
    }
}

/// What one reader is told of, by the address that was refused and that of the reader.
type Lists = BTreeMap<(String, String), (String, Vec<UndeliveredMail>)>;

/// A mail about each address, but for who would get many: they get one about all.
fn together(lists: Lists) -> Vec<(String, String, Vec<UndeliveredMail>)> {
    let mut of_readers: BTreeMap<String, Vec<(String, String, Vec<UndeliveredMail>)>> =
        BTreeMap::new();
    for ((address, key), (reader, mails)) in lists {
        let of_reader = of_readers.entry(key).or_default();
        of_reader.push((address, reader, mails));
    }
    let told = of_readers.into_values().flat_map(|of_reader| {
        if of_reader.len() <= ADDRESSES {
            return of_reader;
        }
        let named = of_reader.iter().take(ADDRESSES);
        let mut addresses: Vec<String> = named.map(|(address, ..)| address.clone()).collect();
        addresses.push(format!("… ({})", of_reader.len()));
        let reader = of_reader[0].1.clone();
        let mails = of_reader.into_iter().flat_map(|(_, _, mails)| mails);
        vec![(addresses.join(", "), reader, mails.collect())]
    });
    told.collect()
}

fn undelivered(delivery: &DeadDelivery) -> UndeliveredMail {
    UndeliveredMail {
        delivery: delivery.id,
        mail: delivery.mail.clone(),
        refused_at: delivery.died_at,
        answer: delivery.error.clone(),
    }
}
