//! Objects of one list: what is asked of one of them is looked up for all of them, so that no list costs a statement for
//! each of its rows. Fields resolve one after the other, so that the first of the list asks and the others find the answer.

use std::{any::Any, collections::HashMap, fmt, sync::Arc};

use tokio::sync::Mutex;

use crate::error::Error;

type Answers = HashMap<String, Arc<dyn Any + Send + Sync>>;

/// The objects of a list, and what was found out about them.
pub(crate) struct Siblings<T>(Arc<Shared<T>>);

struct Shared<T> {
    all: Vec<Arc<T>>,
    answers: Mutex<Answers>,
}

impl<T> Siblings<T> {
    pub(crate) fn new(all: Vec<Arc<T>>) -> Self {
        Self(Arc::new(Shared { all, answers: Mutex::default() }))
    }

    /// The objects of the list.
    pub(crate) fn all(&self) -> &[Arc<T>] {
        &self.0.all
    }

    /// The answer to a question about all of them. `look_up` runs unless it is known; `question` tells it from any other.
    pub(crate) async fn ask<V: Send + Sync + 'static>(
        &self,
        question: String,
        look_up: impl Future<Output = Result<V, Error>>,
    ) -> Result<Arc<V>, Error> {
        let mut answers = self.0.answers.lock().await;
        if let Some(known) = answers.get(&question).cloned().and_then(|known| known.downcast().ok()) {
            return Ok(known);
        }
        let found = Arc::new(look_up.await?);
        let answer: Arc<V> = Arc::clone(&found);
        answers.insert(question, answer);
        Ok(found)
    }
}

impl<T> Clone for Siblings<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Siblings<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Siblings({})", self.0.all.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_is_looked_up_once_and_a_failure_is_not_kept() {
        let siblings = Siblings::new(vec![Arc::new(1), Arc::new(2)]);
        let ask = |question: &str, answer| siblings.ask(question.to_owned(), async move { answer });
        assert!(ask("a", Err(Error::NoTeam)).await.is_err());
        assert_eq!(*ask("a", Ok(1)).await.unwrap(), 1);
        assert_eq!(*ask("a", Ok(2)).await.unwrap(), 1);
        assert_eq!(*ask("b", Ok(3)).await.unwrap(), 3);
    }
}
