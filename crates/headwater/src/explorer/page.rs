//! The page's files, which are part of the program.

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};

/// Path, type and text of each file.
const FILES: [(&str, &str, &str); 17] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/api.js", SCRIPT, include_str!("page/api.js")),
    ("/chart.js", SCRIPT, include_str!("page/chart.js")),
    ("/dead_letters.js", SCRIPT, include_str!("page/dead_letters.js")),
    ("/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/event.js", SCRIPT, include_str!("page/event.js")),
    ("/grid.js", SCRIPT, include_str!("page/grid.js")),
    ("/main.js", SCRIPT, include_str!("page/main.js")),
    ("/period.js", SCRIPT, include_str!("page/period.js")),
    ("/request.js", SCRIPT, include_str!("page/request.js")),
    ("/requests.js", SCRIPT, include_str!("page/requests.js")),
    ("/route.js", SCRIPT, include_str!("page/route.js")),
    ("/service.js", SCRIPT, include_str!("page/service.js")),
    ("/services.js", SCRIPT, include_str!("page/services.js")),
    ("/text.js", SCRIPT, include_str!("page/text.js")),
    ("/waterfall.js", SCRIPT, include_str!("page/waterfall.js")),
];
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Serves them. They hold nothing of the environment, so nobody has to be known for them.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, content_type, text)| {
        router.route(path, get(async move || ([(CONTENT_TYPE, content_type)], text).into_response()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_page_reads_text_as_markup_or_code_or_comes_from_elsewhere() {
        // The namespace of SVG is a name, and nothing is loaded from it.
        const NAMESPACE: &str = "http://www.w3.org/2000/svg";
        let forbidden = [
            "innerhtml",
            "outerhtml",
            "insertadjacenthtml",
            "document.write",
            "createcontextualfragment",
            "domparser",
            "srcdoc",
            "eval(",
            "new function",
            "settimeout(\"",
            "javascript:",
            "http:",
            "https:",
            "//cdn",
            "@import",
            "url(",
            "style=\"",
            "onclick=",
        ];
        for (path, _, text) in FILES {
            let text = text.replace(NAMESPACE, "").to_lowercase();
            for word in forbidden {
                assert!(!text.contains(word), "{path} has {word}");
            }
        }
    }

    #[test]
    fn every_file_that_is_named_is_served() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explorer/page");
        let there = std::fs::read_dir(directory).unwrap().count();
        assert_eq!(there, FILES.len());
        let imports = FILES.iter().flat_map(|(_, _, text)| text.split("from \"./").skip(1));
        for name in imports.filter_map(|rest| rest.split('"').next()) {
            assert!(FILES.iter().any(|(path, ..)| path[1..] == *name), "{name}");
        }
    }
}
