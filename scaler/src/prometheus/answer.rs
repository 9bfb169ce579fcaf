//! The JSON of `/api/v1/query`, from bytes to a reading.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::sample::{QueryResult, Sample};
use super::unknown::Unknown;

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
    /// VictoriaMetrics says so when a storage node did not answer.
    #[serde(rename = "isPartial")]
    is_partial: Option<bool>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Box<RawValue>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: Option<Point>,
    histogram: Option<IgnoredAny>,
}

/// Evaluation time and value. The time says nothing about the sample's age: it is that of the question.
#[derive(Deserialize)]
struct Point(#[expect(dead_code, reason = "the format has a time here")] f64, String);

/// Reads an answer with its HTTP status.
pub fn parse(status: u16, body: &[u8]) -> QueryResult {
    let answer: Answer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(_) if status != 200 => return Err(Unknown::HttpStatus { status, detail: excerpt(body) }),
        Err(error) => return Err(malformed(error)),
    };
    // 400 and 422 are about the query; any other failure is about the server, whatever its JSON says.
    if !matches!(status, 200 | 400 | 422) {
        return Err(Unknown::HttpStatus { status, detail: answer.error.unwrap_or_else(|| excerpt(body)) });
    }
    if status != 200 || answer.status != "success" {
        return Err(Unknown::Refused {
            kind: answer.error_type.unwrap_or_else(|| "unknown".to_owned()),
            message: answer.error.unwrap_or_else(|| excerpt(body)),
        });
    }
    match answer.warnings {
        Some(warnings) if !warnings.is_empty() => return Err(Unknown::Warned(warnings)),
        _ if answer.is_partial == Some(true) => return Err(Unknown::Partial),
        _ => {}
    }
    let data = answer.data.ok_or_else(|| Unknown::Malformed { detail: "no data".to_owned() })?;
    samples(&data)
}

fn samples(data: &Data) -> QueryResult {
    let result = data.result.get();
    match data.result_type.as_str() {
        "vector" => {
            let series: Vec<Series> = serde_json::from_str(result).map_err(malformed)?;
            let samples = series.into_iter().map(sample).collect::<Result<Vec<_>, _>>()?;
            if samples.is_empty() { Err(Unknown::Empty) } else { Ok(samples) }
        }
        "scalar" => {
            let Point(_, text) = serde_json::from_str(result).map_err(malformed)?;
            Ok(vec![Sample::new(BTreeMap::new(), number(&text)?)])
        }
        other => Err(Unknown::ResultType(other.to_owned())),
    }
}

fn sample(series: Series) -> Result<Sample, Unknown> {
    match (series.value, series.histogram) {
        (Some(Point(_, text)), None) => Ok(Sample::new(series.metric, number(&text)?)),
        (_, Some(IgnoredAny)) => Err(Unknown::Histogram),
        (None, None) => Err(Unknown::Malformed { detail: "a series without a value".to_owned() }),
    }
}

fn number(text: &str) -> Result<f64, Unknown> {
    text.parse().map_err(|_| Unknown::Malformed { detail: format!("`{text}` is not a number") })
}

fn malformed(error: serde_json::Error) -> Unknown {
    Unknown::Malformed { detail: error.to_string() }
}

/// The beginning of a body, on one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str) -> String {
        match parse(status, body.as_bytes()) {
            Ok(samples) => {
                let texts = samples.iter().map(|sample| format!("{:?}={:?}", sample.labels, sample.value()));
                texts.collect::<Vec<_>>().join(" ")
            }
            Err(reason) => format!("{}: {reason}", reason.outcome()),
        }
    }

    // The bodies below are what Prometheus 2.42 sent, byte for byte, unless a test says otherwise.

    #[test]
    fn a_vector_has_a_sample_for_each_series() {
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"shard":"shard-1"},"value":[1795577744.928,"12345678.5"]},{"metric":{"shard":"shard-2"},"value":[1795577744.928,"1e+06"]}]}}"#), @r#"{"shard": "shard-1"}=Ok(12345678.5) {"shard": "shard-2"}=Ok(1000000.0)"#);
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"scalar","result":[1795577744.919,"1000000"]}}"#), @"{}=Ok(1000000.0)");
    }

    #[test]
    fn no_data_is_not_zero() {
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#), @"no_data: prometheus has no data for it");
    }

    #[test]
    fn what_is_not_finite_is_not_a_value() {
        for text in ["NaN", "+Inf", "-Inf"] {
            let body = format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[1795577744.833,"{text}"]}}]}}}}"#
            );
            let samples = parse(200, body.as_bytes()).unwrap();
            assert!(matches!(samples[0].value(), Err(Unknown::NotFinite { .. })), "{text}");
        }
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"scalar","result":[1795577744.842,"+Inf"]}}"#), @r#"{}=Err(NotFinite { value: "inf" })"#);
    }

    #[test]
    fn results_without_one_number_for_each_series_are_refused() {
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#), @"invalid: the query gives a matrix, not one value for each series");
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"string","result":[1795577744.882,"x"]}}"#), @"invalid: the query gives a string, not one value for each series");
        // As the documentation of native histograms describes it; 2.42 has them off.
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1.5,{"count":"2","sum":"3","buckets":[]}]}]}}"#), @"invalid: the query gives a native histogram, not a number");
    }

    #[test]
    fn errors_keep_their_words() {
        insta::assert_snapshot!(check(400, r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:6: parse error: unclosed left parenthesis"}"#), @r#"error: prometheus refused the query (bad_data): invalid parameter "query": 1:6: parse error: unclosed left parenthesis"#);
        insta::assert_snapshot!(check(503, "Service Unavailable"), @"error: prometheus answered with HTTP status 503: Service Unavailable");
        // From a proxy in front.
        insta::assert_snapshot!(check(401, "<html>\n<h1>401  Authorization Required</h1>"), @"error: prometheus answered with HTTP status 401: <html> <h1>401 Authorization Required</h1>");
        insta::assert_snapshot!(check(503, r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#), @"error: prometheus answered with HTTP status 503: query timed out");
    }

    #[test]
    fn warnings_and_partial_answers_are_not_trusted() {
        // Thanos and VictoriaMetrics, after their documentation.
        let body = |extra: &str| {
            format!(
                r#"{{"status":"success",{extra},"data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[1,"1"]}}]}}}}"#
            )
        };
        insta::assert_snapshot!(check(200, &body(r#""warnings":["no store matched"]"#)), @"partial: prometheus warned that the answer may be wrong: no store matched");
        insta::assert_snapshot!(check(200, &body(r#""isPartial":true"#)), @"partial: the answer covers only a part of the data");
        insta::assert_snapshot!(check(200, &body(r#""isPartial":false,"warnings":[],"infos":["x"]"#)), @"{}=Ok(1.0)");
    }

    #[test]
    fn a_web_page_is_not_an_answer() {
        insta::assert_snapshot!(check(200, "<html>Grafana</html>"), @"error: what prometheus sent is not an answer to a query: expected value at line 1 column 1");
        insta::assert_snapshot!(check(200, r#"{"status":"success"}"#), @"error: what prometheus sent is not an answer to a query: no data");
        insta::assert_snapshot!(check(200, r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"eleven"]}]}}"#), @"error: what prometheus sent is not an answer to a query: `eleven` is not a number");
    }
}
