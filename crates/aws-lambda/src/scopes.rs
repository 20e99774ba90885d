//! To what a policy can bound the families' actions.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>

use resource::{Condition, Within};

const NAMES: &[&str] = &["arn:{partition}:lambda:{region}:{account}:function:{project}-{environment}-*"];
const MAPPING: &str = "arn:{partition}:lambda:{region}:{account}:event-source-mapping:*";

/// Lambda names mappings by ids that it makes. Whose one is shows by its function and by its tags.
const OUR_FUNCTION: Condition = Condition(
    "ArnLike",
    &[("lambda:FunctionArn", "arn:{partition}:lambda:{region}:{account}:function:{project}-{environment}-*")],
);

/// To look at functions by their names.
pub(crate) const FUNCTIONS: &[Within] = &[Within::of(NAMES)];
/// To make and change them.
pub(crate) const OWN_FUNCTIONS: &[Within] = &[Within::of(NAMES).when(&[Condition::NOT_ANOTHERS])];
/// To look at mappings: of one that is gone, and of tags, Lambda does not know the function.
pub(crate) const MAPPINGS: &[Within] = &[Within::of(&[MAPPING])];
/// To change mappings of our functions.
pub(crate) const OWN_MAPPINGS: &[Within] =
    &[Within::of(&[MAPPING]).when(&[OUR_FUNCTION, Condition::NOT_ANOTHERS])];
/// To make one: AWS knows no resource for it.
pub(crate) const NEW_MAPPING: &[Within] = &[Within::of(&["*"]).when(&[OUR_FUNCTION, Condition::TAGGED])];
/// To tag a mapping as ours, at its creation or when it is adopted.
pub(crate) const TAG_MAPPING: &[Within] =
    &[Within::of(&[MAPPING]).when(&[Condition::NOT_ANOTHERS, Condition::TAGGED])];
/// To hand roles of the environment to functions.
pub(crate) const PASS_ROLE: &[Within] =
    &[Within::of(&["arn:{partition}:iam::{account}:role/{project}/{environment}/*"])
        .when(&[Condition("StringEquals", &[("iam:PassedToService", "lambda.amazonaws.com")])])];
