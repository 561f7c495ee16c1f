//! An adapter as somebody writes it elsewhere: a publisher whose broker is a file, and the one line that tests it.
//! The documentation quotes this file; a test compares the two.

/// The adapter.
mod json_lines {
    use std::fs::{File, OpenOptions};
    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::{Arc, Mutex, PoisonError};

    use async_trait::async_trait;
    use portcullis_domain::event::CloudEvent;
    use portcullis_domain::ports::delivery::{Delivery, EventPublisher, PublishError};

    /// Appends every event to a file, a line of JSON each, for whoever follows the file.
    pub(crate) struct JsonLines {
        /// The CloudEvents `source`: the issuer.
        source: String,
        file: Arc<Mutex<File>>,
    }

    impl JsonLines {
        pub(crate) fn open(path: &Path, source: &str) -> io::Result<Self> {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            Ok(Self { source: source.to_owned(), file: Arc::new(Mutex::new(file)) })
        }
    }

    #[async_trait]
    impl EventPublisher for JsonLines {
        async fn publish(&self, delivery: &Delivery) -> Result<(), PublishError> {
            let line = serde_json::to_string(&CloudEvent::new(delivery, &self.source));
            let line = line.map_err(|error| PublishError::Refused(error.to_string()))? + "\n";
            let file = self.file.clone();
            // A disk may be slow: other work goes on meanwhile.
            let written = tokio::task::spawn_blocking(move || {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                append(&mut file, line.as_bytes())
            });
            let away = |error: &dyn std::error::Error| PublishError::Unavailable(error.to_string());
            written.await.map_err(|error| away(&error))?.map_err(|error| away(&error))
        }

        async fn is_ready(&self) -> bool {
            true
        }
    }

    /// `Ok` promises that nobody can lose it any more: it is on the disk. Half a line must not stay.
    fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
        let end = file.metadata()?.len();
        let written = file.write_all(line).and_then(|()| file.sync_data());
        if written.is_err() {
            file.set_len(end)?;
        }
        written
    }
}

/// Its tests.
mod contract {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use portcullis_memory::contract::{Publisher, Received, Sink};
    use serde_json::Value;

    use crate::json_lines::JsonLines;

    /// A folder of one test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("json-lines-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).expect("the temporary folder can be written");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).expect("the folder can be removed");
        }
    }

    /// What a consumer sees.
    struct Reader(PathBuf);

    #[async_trait]
    impl Sink for Reader {
        async fn received(&self, _at_least: usize) -> Vec<Received> {
            let text = std::fs::read_to_string(&self.0).expect("the file can be read");
            let line = |line: &str| {
                let event: Value = serde_json::from_str(line).expect("every line is JSON");
                let name = event["type"].as_str().expect("a type").replace("portcullis.", "");
                let id = event["id"].as_str().expect("an id").to_owned();
                Received { id, routing_key: name.replace(".v1", ""), body: line.as_bytes().to_vec() }
            };
            text.lines().map(line).collect()
        }
    }

    async fn fresh() -> Publisher {
        let folder = Folder::new();
        let path = folder.0.join("events.jsonl");
        let publisher = JsonLines::open(&path, "https://id.example.com").expect("the file can be written");
        Publisher { publisher: Arc::new(publisher), sink: Arc::new(Reader(path)), guard: Box::new(folder) }
    }

    portcullis_memory::publisher_contract!(fresh);
}
