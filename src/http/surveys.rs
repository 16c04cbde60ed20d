//! `/v1/surveys/{token}`: the customer says how it was, by the link they were sent: a small page with a form, and
//! where it goes (programs send JSON). No login: the link is the permission, for one ticket.
//!
//! Must hold: the page works without scripts and loads nothing; it shows nothing about the ticket but its number.

use super::{
    Context, Reply,
    answer::not_found,
    blocking, body,
    idempotency::{once, tell},
    session::{claim_of, fingerprint},
};
use crate::{
    actors::Caller,
    api::{answers, commands, orders::Survey},
    domain::{
        language::Language,
        ticket::{Phase, Role, Ticket, Who},
    },
    settings::limits,
};
use axum::{
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Map, Value, json};

/// The page runs nothing, loads nothing, is framed by nobody, and sends its form only back to here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Ask how it was
///
/// The page that the link in a message opens, in the customer's language; its form goes to the same address. Once the
/// survey is taken, or while there is nothing to ask, it says so.
#[utoipa::path(
    get,
    path = "/v1/surveys/{token}",
    tag = "Tickets",
    operation_id = "showSurvey",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html; charset=utf-8"),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, Path(token): Path<String>) -> Reply {
    let gone = || not_found("this survey");
    let number = shared.tokens.survey_ticket(&token).ok_or_else(gone)?;
    let store = shared.service.store().clone();
    let ticket = blocking(move || store.ticket(number)).await??.ok_or_else(gone)?;
    let region = shared.service.store().region(&ticket.region);
    let own = ticket.personal.known().and_then(|personal| personal.contact.language);
    let language = own.or(region.and_then(|region| region.settings.language)).or(shared.service.desk().language());
    let mut response = Response::new(Body::from(page(&ticket, language.unwrap_or_default())));
    for (name, value) in [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        // The address is the permission: nobody else is to hear of it.
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ] {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn page(ticket: &Ticket, language: Language) -> String {
    let (title, thanks, closed) = match language {
        Language::En => ("How was your visit?", "Thank you for telling us.", "There is nothing to ask at the moment."),
        Language::Es => {
            ("\u{bf}C\u{f3}mo fue su visita?", "Gracias por su opini\u{f3}n.", "Por ahora no hay nada que preguntar.")
        }
    };
    let content = match ticket.phase {
        Phase::Completed => form(language),
        Phase::Closed => format!("<p>{thanks}</p>"),
        Phase::New
        | Phase::Assigning
        | Phase::Assigned
        | Phase::InProgress
        | Phase::Reopened
        | Phase::Cancelled
        | Phase::OnHold => format!("<p>{closed}</p>"),
    };
    format!(
        "<!doctype html><html lang=\"{lang}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>body{{font-family:sans-serif;max-width:32em;\
         margin:1em auto;padding:0 1em}}label,textarea{{display:block;margin:.7em 0;width:100%}}button{{font-size:1em;\
         padding:.6em 1.2em}}</style><h1>{title}</h1><p>{number}</p>{content}</html>",
        lang = language.code(),
        number = ticket.number,
    )
}

fn form(language: Language) -> String {
    let (marks, comment, send) = match language {
        Language::En => (["Very good", "Good", "Fair", "Poor", "Very poor"], "Anything else? (optional)", "Send"),
        Language::Es => {
            (["Muy bien", "Bien", "Regular", "Mal", "Muy mal"], "\u{bf}Algo m\u{e1}s? (opcional)", "Enviar")
        }
    };
    let choice = |(rating, mark)| {
        format!("<label><input type=\"radio\" name=\"rating\" value=\"{rating}\" required> {mark}</label>")
    };
    let choices: String = (1..=5).rev().zip(marks).map(choice).collect();
    format!(
        "<form method=\"post\"><fieldset>{choices}</fieldset><label>{comment}<textarea name=\"comment\" rows=\"4\" \
         maxlength=\"{most}\"></textarea></label><button>{send}</button></form>",
        most = limits::NOTE_CHARS,
    )
}

/// Say how it was
///
/// No login: the link that the customer was sent is the permission, for one ticket. The ticket is closed by it. Programs
/// send JSON; the page's form leads back to the page, which says what became of it.
#[utoipa::path(
    post,
    path = "/v1/surveys/{token}",
    tag = "Tickets",
    operation_id = "answerSurvey",
    request_body(content((Survey = "application/json"), (Survey = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Taken.", body = answers::ThankYou),
        (status = 303, description = "A form was read: back to the page.", headers(("location" = String, description = "The page."))),
        (status = 409, description = "`wrong_phase`: the ticket is not completed."),
    ),
)]
pub(super) async fn answer(
    State(shared): State<Context>,
    Path(token): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Reply {
    let number = shared.tokens.survey_ticket(&token).ok_or_else(|| not_found("this survey"))?;
    let form = body::is_form(&headers);
    let (parts, body) = request.into_parts();
    let bytes = if form {
        as_json(body::read_form(&headers, &parts.extensions, body).await?)
    } else {
        body::read_json_body(&headers, &parts.extensions, body, limits::BODY_BYTES).await?
    };
    let command = commands::survey(&body::parse(&bytes)?)?;
    let mut caller = Caller::of(Who { role: Role::Customer, id: "survey".into() });
    caller.patience = limits::PATIENCE;
    let mut keyed = caller.clone();
    keyed.idempotency = claim_of(|| "survey".to_owned(), &method, uri.path(), &headers, fingerprint(&bytes))?;
    let done = once(&shared, &keyed, async || {
        shared.service.command(number, command, &caller).await?;
        Ok(tell(StatusCode::OK, &json!({ "thank_you": true })))
    });
    match done.await {
        // Sent twice, or too late: the page knows how it stands.
        Ok(_) if form => Ok(back_to(&uri)),
        Err(refused) if form && refused.0.status == 409 => Ok(back_to(&uri)),
        other => other,
    }
}

fn back_to(page: &Uri) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::from_str(page.path()) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// The fields of a form as the JSON that programs send. What was left empty was not said.
fn as_json(fields: Vec<(String, String)>) -> Bytes {
    let said = fields.into_iter().filter(|(_, value)| !value.trim().is_empty());
    let member = |(name, text): (String, String)| {
        let value = match text.parse::<i64>() {
            Ok(number) if name == "rating" => number.into(),
            // Browsers end lines in two characters, the field and everybody else in one.
            _ => Value::from(text.replace("\r\n", "\n")),
        };
        (name, value)
    };
    Value::Object(said.map(member).collect::<Map<_, _>>()).to_string().into()
}
