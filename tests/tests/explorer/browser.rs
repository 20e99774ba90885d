//! Chromium and the driver that leads it.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail};
use end_to_end::until;
use fantoccini::{
    Client, ClientBuilder, Locator, elements::Element, key::Key, wd::WebDriverCompatibleCommand,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// What is to be done where one of them is not there.
const INSTALL: &str = "the explorer's tests need Chromium and its driver: \
                       apt-get install --no-install-recommends chromium chromium-driver fonts-dejavu-core";

/// A browser. It ends with this value.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Child,
}

/// A command that WebDriver has not, and Chromium's driver has.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// Starts one.
    pub(crate) async fn start() -> Result<Self> {
        let (driver, address) = driver().await?;
        let capabilities = json!({
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
                "--window-size=1440,900", "--force-device-scale-factor=1", "--lang=en",
            ] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { bail!("no capabilities") };
        let client =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&address).await;
        let browser = Self { client: client.context(INSTALL)?, _driver: driver };
        browser.prefer("light").await?;
        Ok(browser)
    }

    /// Which colours its user prefers.
    pub(crate) async fn prefer(&self, scheme: &str) -> Result<()> {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        let params = json!({ "media": "", "features": features });
        let body = json!({ "cmd": "Emulation.setEmulatedMedia", "params": params });
        self.client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await?;
        Ok(())
    }

    /// What its console has said since the last time: errors, and what a policy has refused.
    pub(crate) async fn complaints(&self) -> Result<Vec<String>> {
        let body = json!({ "type": "browser" });
        let log = self.client.issue_cmd(Extension { path: "se/log", body }).await?;
        let lines = log.as_array().context("the driver gave no log")?.iter();
        Ok(lines.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// The element, once it is there.
    pub(crate) async fn find(&self, css: &str) -> Result<Element> {
        until(css, || async { Ok(self.client.find_all(Locator::Css(css)).await?.into_iter().next()) }).await
    }

    /// The element with such a text in it, once it is there.
    pub(crate) async fn find_text(&self, css: &str, text: &str) -> Result<Element> {
        until(&format!("{css} with {text}"), || async {
            for element in self.client.find_all(Locator::Css(css)).await? {
                // One that is replaced meanwhile is looked for again.
                if element.text().await.is_ok_and(|found| found.contains(text)) {
                    return Ok(Some(element));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Clicks what has such a text, once it is there.
    pub(crate) async fn click_text(&self, css: &str, text: &str) -> Result<()> {
        until(&format!("a click on {css} with {text}"), || async {
            let element = self.find_text(css, text).await?;
            Ok(element.click().await.ok())
        })
        .await
    }

    /// What a script says of the page.
    pub(crate) async fn ask(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(&format!("return {script}"), Vec::new()).await?)
    }

    /// Waits until a script says yes.
    pub(crate) async fn wait(&self, script: &str) -> Result<()> {
        until(script, || async { Ok((self.ask(script).await? == true).then_some(())) }).await
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &[Key]) -> Result<()> {
        let keys: String = keys.iter().map(|key| char::from(*key)).collect();
        self.type_text(&keys).await
    }

    /// Types text, wherever the focus is.
    pub(crate) async fn type_text(&self, text: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(text).await?)
    }

    /// Keeps what is seen as `name` under the target directory, and returns it.
    pub(crate) async fn screenshot(&self, name: &str) -> Result<Vec<u8>> {
        let png = self.client.screenshot().await?;
        let directory = localstack::home().parent().context("no target directory")?.join("explorer");
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(format!("{name}.png")), &png)?;
        Ok(png)
    }

    /// Ends it in order. Where a test fails before, the driver is killed, and its browser with it.
    pub(crate) async fn end(self) -> Result<()> {
        Ok(self.client.close().await?)
    }
}

/// Starts the driver on a port that it finds free, and reads from what it says which that is.
async fn driver() -> Result<(Child, String)> {
    let paths = ["chromedriver", "/usr/lib/chromium/chromedriver", "/usr/bin/chromedriver"];
    for path in paths.map(PathBuf::from) {
        let mut command = Command::new(&path);
        command
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let Ok(mut driver) = command.spawn() else { continue };
        let said = driver.stdout.take().context("the driver says nothing")?;
        let mut lines = BufReader::new(said).lines();
        while let Some(line) = lines.next_line().await? {
            let Some((_, port)) = line.split_once("started successfully on port ") else { continue };
            // It goes on speaking, and must not wait for a reader.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((driver, format!("http://127.0.0.1:{}", port.trim_end_matches('.'))));
        }
        bail!("{} ended before it was ready; {INSTALL}", path.display());
    }
    bail!(INSTALL)
}
