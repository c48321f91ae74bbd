//! The kinds of secrets that are known, each with the marks it begins with and its strict shape.

use std::ops::Range;

use crate::secret_shapes as shapes;
use crate::secret_shapes::is_token;

/// A kind of secret.
#[derive(Debug)]
pub struct Kind {
    /// The word that names it.
    pub id: &'static str,
    /// What it is.
    pub text: &'static str,
    /// What it begins with, or what it cannot be without.
    pub(crate) marks: &'static [&'static str],
    pub(crate) shape: Shape,
}

/// What must stand at a mark.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A word that begins with the mark and goes on with these pieces.
    Pieces(&'static [Piece]),
    /// Anything else, from the text, the mark's two ends, and whether the text is raw JSON.
    Own(Find),
}

/// Finds a secret at a mark.
type Find = fn(&[u8], usize, usize, bool) -> Option<Range<usize>>;

/// A part of a shape.
#[derive(Debug)]
pub(crate) enum Piece {
    /// This text.
    Text(&'static str),
    /// As many bytes of a set as there are, at least and at most so many.
    Run(fn(u8) -> bool, usize, usize),
}

const ALNUM: fn(u8) -> bool = |byte| byte.is_ascii_alphanumeric();
const DIGIT: fn(u8) -> bool = |byte| byte.is_ascii_digit();
const HEX: fn(u8) -> bool = |byte| byte.is_ascii_hexdigit();
const UPPER: fn(u8) -> bool = |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit();
const ROLE: fn(u8) -> bool = |byte| b"abeoprs".contains(&byte);
const TOKEN: fn(u8) -> bool = is_token;
const DOTTED: fn(u8) -> bool = |byte| is_token(byte) || byte == b'.';
const CODED: fn(u8) -> bool = |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');

/// Where a set holds more than the letters of words, a run has no upper bound: a mark may stand in
/// the middle of it, and to give it up late would make the search slow.
const ANY: usize = usize::MAX;

macro_rules! kinds {
    ($($id:literal $text:literal $marks:expr, $shape:expr;)*) => {
        &[$(Kind { id: $id, text: $text, marks: &$marks, shape: $shape }),*]
    };
}

use Piece::{Run, Text};
use Shape::{Own, Pieces};

/// Every kind, in the order in which they are tried.
pub static KINDS: &[Kind] = kinds! {
    "aws_access_key_id" "access key id of AWS" ["AKIA", "ASIA"], Pieces(&[Run(UPPER, 16, 16)]);
    "aws_secret_access_key" "secret access key of AWS, behind its name"
        ["secret_access_key", "SECRET_ACCESS_KEY", "SecretAccessKey"], Own(shapes::named_key);
    "alibaba_access_key_id" "access key id of Alibaba Cloud" ["LTAI"], Pieces(&[Run(ALNUM, 20, 20)]);
    "github_token" "token of GitHub" ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        Pieces(&[Run(ALNUM, 36, 255)]);
    "github_fine_grained_token" "fine-grained token of GitHub" ["github_pat_"],
        Pieces(&[Run(ALNUM, 22, 22), Text("_"), Run(ALNUM, 59, 59)]);
    "gitlab_token" "token of GitLab"
        ["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-"],
        Pieces(&[Run(DOTTED, 20, ANY)]);
    "slack_token" "token of Slack" ["xox"],
        Pieces(&[Run(ROLE, 1, 1), Text("-"), Run(ALNUM, 1, 16), Text("-"), Run(TOKEN, 20, 255)]);
    "slack_app_token" "app token of Slack" ["xapp-"],
        Pieces(&[Run(DIGIT, 1, 1), Text("-"), Run(UPPER, 9, 16), Text("-"), Run(DIGIT, 10, 16),
            Text("-"), Run(HEX, 64, 64)]);
    "slack_webhook" "incoming webhook of Slack" ["hooks.slack.com/services/"],
        Pieces(&[Text("T"), Run(UPPER, 8, 12), Text("/B"), Run(UPPER, 8, 12), Text("/"),
            Run(ALNUM, 24, 24)]);
    "stripe_key" "live key of Stripe" ["sk_live_", "rk_live_"], Pieces(&[Run(ALNUM, 24, 247)]);
    "stripe_webhook_secret" "webhook secret of Stripe" ["whsec_"], Pieces(&[Run(CODED, 32, 64)]);
    "model_key" "key of OpenAI, Anthropic and others that write sk-" ["sk-"],
        Own(shapes::model_key);
    "groq_key" "key of Groq" ["gsk_"], Pieces(&[Run(ALNUM, 52, 52)]);
    "xai_key" "key of xAI" ["xai-"], Pieces(&[Run(ALNUM, 80, 80)]);
    "perplexity_key" "key of Perplexity" ["pplx-"], Pieces(&[Run(ALNUM, 48, 56)]);
    "replicate_token" "token of Replicate" ["r8_"], Pieces(&[Run(ALNUM, 37, 37)]);
    "huggingface_token" "token of Hugging Face" ["hf_", "api_org_"], Pieces(&[Run(ALNUM, 34, 34)]);
    "google_api_key" "API key of Google" ["AIza"], Pieces(&[Run(TOKEN, 35, 35)]);
    "google_oauth_token" "access token of Google" ["ya29."], Pieces(&[Run(DOTTED, 30, ANY)]);
    "google_oauth_secret" "client secret of Google" ["GOCSPX-"], Pieces(&[Run(TOKEN, 28, 28)]);
    "npm_token" "token of npm" ["npm_"], Pieces(&[Run(ALNUM, 36, 36)]);
    "pypi_token" "token of PyPI" ["pypi-AgE"], Pieces(&[Run(TOKEN, 50, 1000)]);
    "rubygems_key" "key of RubyGems" ["rubygems_"], Pieces(&[Run(HEX, 48, 48)]);
    "docker_token" "access token of Docker" ["dckr_"],
        Pieces(&[Run(ALNUM, 3, 3), Text("_"), Run(TOKEN, 27, 64)]);
    "digitalocean_token" "token of DigitalOcean" ["dop_v1_", "doo_v1_", "dor_v1_"],
        Pieces(&[Run(HEX, 64, 64)]);
    "sendgrid_key" "key of SendGrid" ["SG."],
        Pieces(&[Run(TOKEN, 22, 22), Text("."), Run(TOKEN, 43, 43)]);
    "mailgun_key" "key of Mailgun" ["key-"], Pieces(&[Run(HEX, 32, 32)]);
    "grafana_service_token" "service account token of Grafana" ["glsa_"],
        Pieces(&[Run(ALNUM, 32, 32), Text("_"), Run(HEX, 8, 8)]);
    "grafana_cloud_token" "cloud token of Grafana" ["glc_"], Pieces(&[Run(CODED, 32, ANY)]);
    "vault_token" "token of Vault" ["hvs.", "hvb.", "hvr."], Pieces(&[Run(TOKEN, 24, 300)]);
    "terraform_token" "token of Terraform Cloud" [".atlasv1."], Own(shapes::cloud_token);
    "shopify_token" "token of Shopify" ["shpat_", "shpca_", "shppa_", "shpss_"],
        Pieces(&[Run(HEX, 32, 32)]);
    "square_token" "token of Square" ["sq0atp-", "sq0csp-"], Pieces(&[Run(TOKEN, 22, 43)]);
    "linear_key" "key of Linear" ["lin_api_"], Pieces(&[Run(ALNUM, 40, 40)]);
    "notion_token" "token of Notion" ["ntn_"], Pieces(&[Run(ALNUM, 40, 50)]);
    "figma_token" "token of Figma" ["figd_"], Pieces(&[Run(TOKEN, 40, 100)]);
    "atlassian_token" "token of Atlassian" ["ATATT3"], Pieces(&[Run(TOKEN, 100, 300)]);
    "databricks_token" "token of Databricks" ["dapi"], Pieces(&[Run(HEX, 32, 32)]);
    "new_relic_key" "key of New Relic" ["NRAK-"], Pieces(&[Run(UPPER, 27, 27)]);
    "postman_key" "key of Postman" ["PMAK-"],
        Pieces(&[Run(HEX, 24, 24), Text("-"), Run(HEX, 34, 34)]);
    "doppler_token" "token of Doppler" ["dp.pt.", "dp.st."], Pieces(&[Run(TOKEN, 40, 80)]);
    "planetscale_token" "token of PlanetScale" ["pscale_tkn_", "pscale_pw_", "pscale_oauth_"],
        Pieces(&[Run(TOKEN, 32, 64)]);
    "supabase_token" "token of Supabase" ["sbp_"], Pieces(&[Run(HEX, 40, 40)]);
    "pulumi_token" "token of Pulumi" ["pul-"], Pieces(&[Run(HEX, 40, 40)]);
    "sentry_token" "token of Sentry" ["sntryu_"], Pieces(&[Run(HEX, 64, 64)]);
    "telegram_bot_token" "token of a Telegram bot" [":AA"], Own(shapes::bot_token);
    "age_secret_key" "secret key of age" ["AGE-SECRET-KEY-1"], Pieces(&[Run(UPPER, 58, 58)]);
    "azure_storage_key" "account key in a connection string of Azure storage" ["AccountKey="],
        Pieces(&[Run(CODED, 86, 86), Text("==")]);
    "azure_shared_key" "shared access key in a connection string of Azure" ["SharedAccessKey="],
        Pieces(&[Run(CODED, 43, 43), Text("=")]);
    "web_token" "JSON web token" ["eyJ"], Own(shapes::web_token);
    "private_key" "private key in PEM" ["-----BEGIN "], Own(shapes::private_key);
    "url_password" "password in the URL of a database or site" ["://"], Own(shapes::url_password);
    "bearer_token" "token in an Authorization header" ["earer "], Own(shapes::bearer);
    "basic_credentials" "user and password in an Authorization header" ["asic "],
        Own(shapes::basic);
};
